from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from workers.enrich.knowledge_provider import ActorProvider, TechniqueProvider


@dataclass
class Actor:
    name: str
    attack_id: str | None
    country: str | None
    kind: str = "state"
    aliases: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


@dataclass
class Technique:
    name: str
    successor: str | None = None


@dataclass
class Catalogue:
    actors: Mapping[str, Actor] = field(default_factory=dict)
    techniques: Mapping[str, Technique] = field(default_factory=dict)


def test_it_says_who_is_behind_an_actor() -> None:
    actor = Actor(
        "APT1", "G0006", "CN", aliases=("APT1", "Comment Crew", "G0006"), targets=("Japan",), tools=("PlugX",)
    )
    catalogue = Catalogue({"u1": actor})
    provider = ActorProvider("knowledge", catalogue)
    answers = provider.fetch(["u1", "u2"], 1.0)
    assert provider.name == "knowledge"
    assert answers["u1"].value == {
        "name": "APT1",
        "aliases": ["Comment Crew"],
        "attack_id": "G0006",
        "attack_url": "https://attack.mitre.org/groups/G0006/",
        "country": "CN",
        "kind": "state",
        "targets": ["Japan"],
        "sectors": [],
        "tools": ["PlugX"],
    }
    assert answers["u2"].value is None


def test_no_number_no_page() -> None:
    catalogue = Catalogue({"u1": Actor("Crew", None, None, kind="non-state")})
    value = ActorProvider("knowledge", catalogue).fetch(["u1"], 1.0)["u1"].value
    assert value is not None
    assert value["attack_url"] is None
    assert value["country"] is None


def test_it_says_what_a_technique_is() -> None:
    techniques = {"T1566.001": Technique("Spearphishing Attachment"), "T1193": Technique("Old", "T1566.001")}
    provider = TechniqueProvider("knowledge", Catalogue(techniques=techniques))
    answers = provider.fetch(["T1566.001", "T1193", "T0000"], 1.0)
    assert provider.name == "knowledge"
    assert answers["T1566.001"].value == {
        "name": "Spearphishing Attachment",
        "attack_url": "https://attack.mitre.org/techniques/T1566/001/",
        "parent": "T1566",
        "successor": None,
        "successor_url": None,
    }
    old = answers["T1193"].value
    assert old is not None
    assert old["successor"] == "T1566.001"
    assert old["attack_url"] == "https://attack.mitre.org/techniques/T1193/"
    assert old["parent"] is None
    assert old["successor_url"] == "https://attack.mitre.org/techniques/T1566/001/"
    assert answers["T0000"].value is None


def test_it_follows_replacements_to_the_one_that_stands() -> None:
    techniques = {
        "T1": Technique("First", "T2"),
        "T2": Technique("Second", "T3.001"),
        "T3.001": Technique("Third"),
        "T8": Technique("In a circle", "T9"),
        "T9": Technique("In a circle too", "T8"),
    }
    answers = TechniqueProvider("knowledge", Catalogue(techniques=techniques)).fetch(["T1", "T2", "T8"], 1.0)
    found = {key: answer.value["successor"] for key, answer in answers.items() if answer.value is not None}
    assert found == {"T1": "T3.001", "T2": "T3.001", "T8": None}
