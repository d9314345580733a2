"""The knowledge as the reader and the lookups see it: immutable and versioned. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from workers.knowledge.entries import ActorEntry, Compiled, MalwareEntry, TechniqueEntry

__all__ = ["Knowledge"]


class Knowledge:
    """Names, places, words and rules, all from data. `version` and `rules` are stamped on every event."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled
        self._actors = MappingProxyType(compiled.actors)
        self._malware = MappingProxyType(compiled.malware)
        self._techniques = MappingProxyType(compiled.techniques)

    @property
    def version(self) -> str:
        """`misp-galaxy@<version of the threat-actor cluster>+overlay@<12 hexadecimal digits>`.

        With a galaxy that `shirase knowledge update` took, 12 digits of its bytes' hash follow its version: `349-0f3b…`.
        """
        return self._compiled.version

    @property
    def rules(self) -> str:
        """A short hash of the files that hold rules: cues, guards, role patterns."""
        return self._compiled.rules_hash

    @property
    def actors(self) -> Mapping[str, ActorEntry]:
        """Actors by id."""
        return self._actors

    @property
    def malware(self) -> Mapping[str, MalwareEntry]:
        """Malware families and tools by key."""
        return self._malware

    @property
    def techniques(self) -> Mapping[str, TechniqueEntry]:
        """ATT&CK techniques by id, revoked ones with their successor."""
        return self._techniques

    @property
    def compiled(self) -> Compiled:
        """The rows behind it, for the reader."""
        return self._compiled

    def info(self) -> dict[str, object]:
        """Counts and sources, for a person."""
        named = sum(1 + len(entry.aliases) for entry in self._actors.values())
        return {
            "version": self.version,
            "rules": self.rules,
            "actors": len(self._actors),
            "actor_names": named,
            "actors_with_country": sum(1 for entry in self._actors.values() if entry.country),
            "malware": len(self._malware),
            "techniques": len(self._techniques),
            "surfaces": len(self._compiled.surfaces),
            "role_rules": len(self._compiled.roles),
            "clusters": dict(self._compiled.sources),
        }
