"""The `actor` and `technique` lookups: who is behind an intrusion set, what a technique is, from the knowledge in memory.

No network. Page addresses are those of MITRE ATT&CK, https://attack.mitre.org/groups/ and …/techniques/ .
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from workers.ports import ProviderAnswer

__all__ = ["ActorFacts", "ActorProvider", "Catalogue", "TechniqueFacts", "TechniqueProvider"]

ATTACK_GROUP_PAGE = "https://attack.mitre.org/groups/{}/"
ATTACK_TECHNIQUE_PAGE = "https://attack.mitre.org/techniques/{}/"


class ActorFacts(Protocol):
    """What the knowledge holds of one actor."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def aliases(self) -> Sequence[str]:
        """Other names."""
        ...

    @property
    def attack_id(self) -> str | None:
        """Its number in ATT&CK, such as G0006."""
        ...

    @property
    def country(self) -> str | None:
        """Its sponsor's country."""
        ...

    @property
    def kind(self) -> str:
        """State, state-linked, non-state or unknown."""
        ...

    @property
    def targets(self) -> Sequence[str]:
        """Countries that it has attacked, by name, as the catalogue has them."""
        ...

    @property
    def sectors(self) -> Sequence[str]:
        """Sectors that it has attacked, as the catalogue has them."""
        ...

    @property
    def tools(self) -> Sequence[str]:
        """Malware and tools that it is known to use, by name."""
        ...


class TechniqueFacts(Protocol):
    """What the knowledge holds of one technique."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def successor(self) -> str | None:
        """The id that replaced it."""
        ...


class Catalogue(Protocol):
    """The part of the knowledge that is asked here."""

    @property
    def techniques(self) -> Mapping[str, TechniqueFacts]:
        """Techniques by ATT&CK id."""
        ...

    @property
    def actors(self) -> Mapping[str, ActorFacts]:
        """Actors by id."""
        ...


class ActorProvider:
    """See `workers.ports.LookupProvider`. Always answers."""

    def __init__(self, name: str, catalogue: Catalogue) -> None:
        self._name = name
        self._actors = catalogue.actors

    @property
    def name(self) -> str:
        """See the port."""
        return self._name

    def fetch(self, keys: Sequence[str], timeout_s: float) -> Mapping[str, ProviderAnswer]:  # noqa: ARG002 - the port
        """See the port. An id that the knowledge lacks is "nothing known"."""
        return {key: _answer(self._actors.get(key)) for key in keys}


class TechniqueProvider:
    """See `workers.ports.LookupProvider`. Always answers."""

    def __init__(self, name: str, catalogue: Catalogue) -> None:
        self._name = name
        self._techniques = catalogue.techniques

    @property
    def name(self) -> str:
        """See the port."""
        return self._name

    def fetch(self, keys: Sequence[str], timeout_s: float) -> Mapping[str, ProviderAnswer]:  # noqa: ARG002 - the port
        """See the port. An id that the knowledge lacks is "nothing known"."""
        return {key: self._answer(key) for key in keys}

    def _answer(self, key: str) -> ProviderAnswer:
        technique = self._techniques.get(key)
        if technique is None:
            return ProviderAnswer(value=None)
        parent, _, sub = key.partition(".")
        successor = self._standing(technique)
        return ProviderAnswer(
            value={
                "name": technique.name,
                "attack_url": _technique_page(key),
                "parent": parent if sub else None,
                "successor": successor,
                "successor_url": None if successor is None else _technique_page(successor),
            }
        )

    def _standing(self, technique: TechniqueFacts) -> str | None:
        """The id that stands in the end: what replaced a technique may have been replaced itself. None in a circle."""
        last, following, seen = None, technique.successor, set[str]()
        while following is not None:
            if following in seen:
                return None
            seen.add(following)
            next_one = self._techniques.get(following)
            last, following = following, None if next_one is None else next_one.successor
        return last


def _technique_page(technique_id: str) -> str:
    return ATTACK_TECHNIQUE_PAGE.format(technique_id.replace(".", "/"))


def _answer(actor: ActorFacts | None) -> ProviderAnswer:
    if actor is None:
        return ProviderAnswer(value=None)
    attack_id = actor.attack_id
    return ProviderAnswer(
        value={
            "name": actor.name,
            "aliases": [alias for alias in actor.aliases if alias not in {actor.name, attack_id}],
            "attack_id": attack_id,
            "attack_url": None if attack_id is None else ATTACK_GROUP_PAGE.format(attack_id),
            "country": actor.country,
            "kind": actor.kind,
            "targets": list(actor.targets),
            "sectors": list(actor.sectors),
            "tools": list(actor.tools),
        }
    )
