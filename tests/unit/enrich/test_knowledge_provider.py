from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from workers.enrich.knowledge_provider import KnowledgeProvider


@dataclass
class Actor:
    name: str
    attack_id: str | None
    country: str | None
    kind: str = "state"
    aliases: tuple[str, ...] = ()


@dataclass
class Catalogue:
    actors: Mapping[str, Actor] = field(default_factory=dict)


def test_it_says_who_is_behind_an_actor() -> None:
    catalogue = Catalogue({"u1": Actor("APT1", "G0006", "CN", aliases=("APT1", "Comment Crew", "G0006"))})
    provider = KnowledgeProvider("knowledge", catalogue)
    answers = provider.fetch(["u1", "u2"], 1.0)
    assert provider.name == "knowledge"
    assert answers["u1"].value == {
        "name": "APT1",
        "aliases": ["Comment Crew"],
        "attack_id": "G0006",
        "attack_url": "https://attack.mitre.org/groups/G0006/",
        "country": "CN",
        "kind": "state",
    }
    assert answers["u2"].value is None


def test_no_number_no_page() -> None:
    catalogue = Catalogue({"u1": Actor("Crew", None, None, kind="non-state")})
    value = KnowledgeProvider("knowledge", catalogue).fetch(["u1"], 1.0)["u1"].value
    assert value is not None
    assert value["attack_url"] is None
    assert value["country"] is None
