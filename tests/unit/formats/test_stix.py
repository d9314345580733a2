"""The bundle: valid by the library of the standard's own makers, the same every time, and no more than the event says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import stix2
from hypothesis import given, settings
from stix2.patterns import StringConstant

from tests.support.tagged_events import event_of, tagged_events
from workers.formats.stix import render_stix
from workers.formats.stix_pattern import pattern_of
from workers.model import (
    ActorMatch,
    Attacker,
    Evidence,
    Indicator,
    ItemRef,
    Malware,
    Objective,
    Organisation,
    Sector,
    Source,
    TaggedEvent,
    TargetCountry,
    Targets,
    Technique,
    Tlp,
    Vulnerability,
)

APT1 = ActorMatch(
    name="APT1", alias="Comment Crew", attack_id="G0006", id="1cb7e1cc-d695-42b1-92f4-fd0112a3c9be", score=0.9
)
CHINA = Attacker(
    country="CN", rank="primary", kind="state", score=0.93, stance="asserted", actors=[APT1],
    objectives=[Objective(id="ip-theft", score=0.9)],
    evidence=[Evidence(field="body", start=0, end=5, quote="China", rule="r")],
)  # fmt: skip
NOBODYS = Attacker(
    country=None, rank="secondary", kind="non-state", score=0.7, stance="suspected",
    actors=[ActorMatch(name="Velvet Crowbar", alias="Velvet Crowbar", score=0.7)],
)  # fmt: skip
JAPAN = Targets(
    countries=[TargetCountry(code="JP", score=0.8)],
    sectors=[Sector(id="technology", sub=["quantum"], score=0.7), Sector(id="media", score=0.6)],
    organisations=[Organisation(name="Kiso Works", country="JP", sector="technology")],
)


def objects(event: TaggedEvent) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(render_stix(event))["objects"]
    return listed


def of_type(event: TaggedEvent, kind: str) -> list[dict[str, Any]]:
    return [row for row in objects(event) if row["type"] == kind]


def relations(event: TaggedEvent) -> set[tuple[str, str, str]]:
    named = {row["id"]: row.get("name", "") for row in objects(event)}
    rows = of_type(event, "relationship")
    return {(named[row["source_ref"]], row["relationship_type"], named[row["target_ref"]]) for row in rows}


def full(**parts: Any) -> TaggedEvent:
    item = ItemRef(
        id="item-1", content_sha256="ab" * 32, title="A title", url="https://news.example/1",
        published_at="2026-05-01T18:30:00+09:00", source=Source(name="News"), tlp=Tlp.AMBER_STRICT,
    )  # fmt: skip
    whole: dict[str, Any] = {
        "item": item, "attackers": [CHINA], "targets": JAPAN, "malware": [Malware(name="PlugX", kind="malware")],
        "techniques": [Technique(id="T1566.001", name="Spearphishing Attachment", explicit=True)],
        "vulnerabilities": [Vulnerability(id="CVE-2026-990001")], "routes": ["japan", "cn"],
        "indicators": [Indicator(type="domain-name", value="evil.example", as_written="evil[.]example")],
    }  # fmt: skip
    return event_of(**(whole | parts))


def test_the_bundle_holds_what_the_event_says() -> None:
    event = full()
    (report,) = of_type(event, "report")
    assert report["published"] == "2026-05-01T09:30:00Z"
    assert report["confidence"] == 93
    assert report["labels"] == ["cn", "japan"]
    assert report["external_references"][0] == {"source_name": "News", "url": "https://news.example/1"}
    others = {row["id"] for row in objects(event) if row["type"] not in {"report", "marking-definition"}}
    assert set(report["object_refs"]) == others
    (actor,) = of_type(event, "threat-actor")
    assert (actor["name"], actor["threat_actor_types"]) == ("State actor (CN)", ["nation-state"])
    assert (actor["goals"], actor["description"]) == (["ip-theft"], "“China”")
    (group,) = of_type(event, "intrusion-set")
    assert group["aliases"] == ["Comment Crew"]
    assert group["external_references"][0]["url"] == "https://attack.mitre.org/groups/G0006/"
    (pattern,) = of_type(event, "attack-pattern")
    assert pattern["external_references"][0]["url"] == "https://attack.mitre.org/techniques/T1566/001/"


def test_who_is_tied_to_whom() -> None:
    assert relations(full()) == {
        ("State actor (CN)", "located-at", "CN"),
        ("APT1", "attributed-to", "State actor (CN)"),
        ("State actor (CN)", "targets", "JP"),
        ("State actor (CN)", "targets", "technology"),
        ("State actor (CN)", "targets", "technology: quantum"),
        ("State actor (CN)", "targets", "media"),
        ("State actor (CN)", "targets", "Kiso Works"),
        ("Kiso Works", "located-at", "JP"),
        ("State actor (CN)", "uses", "PlugX"),
        ("State actor (CN)", "uses", "Spearphishing Attachment"),
        ("evil.example", "indicates", "State actor (CN)"),
    }


def test_a_relationship_is_as_sure_as_its_less_sure_end() -> None:
    event = full()
    japan = next(row["id"] for row in of_type(event, "location") if row["country"] == "JP")
    (row,) = [
        row
        for row in of_type(event, "relationship")
        if row["relationship_type"] == "targets" and row["target_ref"] == japan
    ]
    assert row["confidence"] == 80


def test_of_two_attackers_nobody_said_whose_the_tools_are() -> None:
    found = relations(full(attackers=[CHINA, NOBODYS]))
    assert {kind for _, kind, _ in found} == {"located-at", "attributed-to", "targets"}
    assert ("Velvet Crowbar", "targets", "JP") in found


def test_a_group_without_a_country_acts_itself() -> None:
    event = full(attackers=[NOBODYS])
    assert of_type(event, "threat-actor") == []
    assert ("Velvet Crowbar", "uses", "PlugX") in relations(event)


def test_an_ambiguous_name_lists_its_candidates_and_picks_none() -> None:
    either = ActorMatch(name="Bitter Crab", alias="Bitter Crab", candidates=["APT1", "APT2"], score=0.6)
    event = full(
        attackers=[
            Attacker(country=None, rank="primary", kind="unknown", score=0.6, stance="suspected", actors=[either])
        ]
    )
    (group,) = of_type(event, "intrusion-set")
    assert (group["name"], group["description"]) == ("Bitter Crab", "One of: APT1, APT2")


def test_an_event_without_anything_is_still_a_report() -> None:
    event = event_of()
    assert [row["type"] for row in objects(event)] == ["identity", "report"]
    assert of_type(event, "report")[0]["name"] == "A title"


@pytest.mark.parametrize("level", list(Tlp))
def test_the_marking_stands_on_what_is_this_reports_own(level: Tlp) -> None:
    event = full(item=ItemRef(id="i", content_sha256="00", tlp=level))
    (marking,) = of_type(event, "marking-definition")
    assert marking["name"] == f"TLP:{level}"
    marked = {row["type"] for row in objects(event) if row.get("object_marking_refs") == [marking["id"]]}
    assert marked == {"threat-actor", "intrusion-set", "identity", "indicator", "relationship", "report"}


def test_an_unknown_level_is_no_marking() -> None:
    event = full(item=ItemRef(id="i", content_sha256="00"))
    assert not any("object_marking_refs" in row for row in objects(event))


def test_what_reports_share_is_the_same_in_every_bundle() -> None:
    first, second = full(), full(id="9d1c5a5e-7e1b-5a49-8f0e-0c1f58a1d001", item=ItemRef(id="j", content_sha256="00"))
    shared = {"location", "attack-pattern", "malware", "vulnerability"}
    pick: Callable[[TaggedEvent], list[dict[str, Any]]] = lambda event: [  # noqa: E731
        row for row in objects(event) if row["type"] in shared
    ]
    assert pick(first) == pick(second)
    own = {
        row["id"] for row in objects(first) if row["type"] in {"report", "relationship", "indicator", "threat-actor"}
    }
    assert own.isdisjoint(row["id"] for row in objects(second))


@pytest.mark.parametrize("value", ["it's", "back\\slash", "\\'", "']OR[url:value='", "日本語", "a\nb"])
def test_a_value_cannot_leave_its_quotes(value: str) -> None:
    pattern = pattern_of("url", value)
    assert pattern is not None
    read = stix2.pattern_visitor.create_pattern_object(pattern)
    assert str(read.operand.rhs) == str(StringConstant(value))


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("C:\\Users\\x\\a.exe", "[file:name = 'a.exe' AND file:parent_directory_ref.path = 'C:\\\\Users\\\\x']"),
        ("a.exe", "[file:name = 'a.exe']"),
        ("%TEMP%\\", "[file:parent_directory_ref.path = '%TEMP%']"),
    ],
)
def test_a_path_is_a_folder_and_a_name(path: str, pattern: str) -> None:
    assert pattern_of("file-path", path) == pattern


@pytest.mark.parametrize(
    ("kind", "value", "pattern"),
    [
        ("file-hash-md5", "ab" * 16, f"[file:hashes.MD5 = '{'ab' * 16}']"),
        ("file-hash-sha256", "ab" * 32, f"[file:hashes.'SHA-256' = '{'ab' * 32}']"),
        ("file-hash-sha256", "ab" * 16, None),
        ("file-hash-sha1", "no" * 20, None),
    ],
)
def test_a_hash_has_its_length_or_is_none(kind: str, value: str, pattern: str | None) -> None:
    assert pattern_of(kind, value) == pattern
    rows = [Indicator(type=kind, value=value, as_written=value)]
    assert len(of_type(full(indicators=rows), "indicator")) == (pattern is not None)


def test_an_indicator_of_no_known_type_is_left_out() -> None:
    assert of_type(full(indicators=[Indicator(type="new", value="x", as_written="x")]), "indicator") == []


@given(event=tagged_events())
@settings(max_examples=60, deadline=None)
def test_any_event_is_a_valid_bundle_and_gives_the_same_bytes_again(event: TaggedEvent) -> None:
    line = render_stix(event)
    assert line == render_stix(event)
    assert b"\n" not in line
    bundle = stix2.parse(line.decode())
    ids = {row["id"] for row in bundle["objects"]}
    assert len(ids) == len(bundle["objects"])
    for row in bundle["objects"]:
        refs = [row.get(name) for name in ("source_ref", "target_ref", "created_by_ref")]
        refs += [*row.get("object_refs", []), *row.get("object_marking_refs", [])]
        assert {str(ref) for ref in refs if ref} <= ids
        assert row["type"] == "marking-definition" or row["modified"] >= row["created"]
