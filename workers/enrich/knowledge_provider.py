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
        return {key: _technique_answer(key, self._techniques.get(key)) for key in keys}


def _technique_answer(key: str, technique: TechniqueFacts | None) -> ProviderAnswer:
    if technique is None:
        return ProviderAnswer(value=None)
    parent, _, sub = key.partition(".")
    return ProviderAnswer(
        value={
            "name": technique.name,
            "attack_url": ATTACK_TECHNIQUE_PAGE.format(f"{parent}/{sub}" if sub else parent),
            "parent": parent if sub else None,
            "successor": technique.successor,
        }
    )


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
        }
    )
