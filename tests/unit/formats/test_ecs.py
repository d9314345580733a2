"""ECS documents: one per attacker, every event at least once, nothing in a field that ECS does not have."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings

from tests.support.tagged_events import event_of, tagged_events
from workers.formats.ecs import ecs_documents, render_ecs
from workers.model import (
    ActorMatch,
    Attacker,
    Indicator,
    ItemRef,
    Malware,
    Source,
    TaggedEvent,
    Technique,
    Tlp,
    Vulnerability,
)

# Of https://www.elastic.co/guide/en/ecs/8.17/ecs-threat.html and its neighbours: what stands at the ends of our paths.
KNOWN = {
    "event": {"id", "kind", "category", "type", "module", "dataset", "provider", "reference", "hash", "created"},
    "threat": {
        "framework", "feed.name", "feed.reference", "group.name", "group.alias", "group.id", "group.reference",
        "technique.id", "technique.name", "technique.reference", "technique.subtechnique.id",
        "technique.subtechnique.name", "technique.subtechnique.reference", "software.id", "software.name",
        "software.type", "indicator.type", "indicator.confidence", "indicator.provider", "indicator.reference",
        "indicator.marking.tlp", "indicator.ip", "indicator.url.full", "indicator.url.domain",
        "indicator.email.address", "indicator.file.path", "indicator.file.hash.md5", "indicator.file.hash.sha1",
        "indicator.file.hash.sha256", "indicator.registry.path",
    },
    "related": {"ip", "hash", "hosts", "user"},
    "vulnerability": {"id", "enumeration"},
    "ecs": {"version"},
}  # fmt: skip
TOP = {"@timestamp", "message", "tags", "shirase", *KNOWN}


def paths(value: Any, before: str = "") -> set[str]:
    if not isinstance(value, dict):
        return {before}
    return set().union(*(paths(inner, f"{before}.{name}" if before else name) for name, inner in value.items()))


def attacker(country: str | None, *actors: ActorMatch) -> Attacker:
    return Attacker(country=country, rank="primary", kind="state", score=0.9, stance="asserted", actors=list(actors))


def test_one_document_for_each_attacker() -> None:
    apt1 = ActorMatch(name="APT1", alias="Comment Crew", attack_id="G0006", score=0.9)
    apt10 = ActorMatch(name="APT10", alias="APT10", id="56b37b05-72e7-4a89-ba8a-61ce45269a8c", score=0.9)
    first, second = ecs_documents(event_of(attackers=[attacker("CN", apt1, apt10), attacker("KP")]))
    assert first["threat"]["group"] == {
        "name": ["APT1", "APT10"],
        "alias": ["Comment Crew"],
        "id": ["G0006", "56b37b05-72e7-4a89-ba8a-61ce45269a8c"],
        "reference": "https://attack.mitre.org/groups/G0006/",
    }
    assert "group" not in second["threat"]
    assert [row["shirase"]["attacker"]["country"] for row in (first, second)] == ["CN", "KP"]
    assert first["event"]["id"] != second["event"]["id"]


def test_an_event_without_attackers_is_one_document_without_a_group() -> None:
    (document,) = ecs_documents(event_of())
    assert document["threat"] == {}
    assert "attacker" not in document["shirase"]
    assert document["event"]["type"] == ["info"]


def test_a_group_of_no_known_sponsor_has_a_null_country() -> None:
    match = ActorMatch(name="Velvet Crowbar", alias="Velvet Crowbar", score=0.7)
    (document,) = ecs_documents(event_of(attackers=[attacker(None, match)]))
    assert document["threat"]["group"] == {"name": "Velvet Crowbar"}
    assert document["shirase"]["attacker"]["country"] is None


def test_an_ambiguous_alias_has_its_candidates_as_aliases() -> None:
    match = ActorMatch(name="Bitter Crab", alias="Bitter Crab", candidates=["APT1", "APT2"], score=0.7)
    (document,) = ecs_documents(event_of(attackers=[attacker(None, match)]))
    assert document["threat"]["group"] == {"name": "Bitter Crab", "alias": ["APT1", "APT2"]}


def test_a_subtechnique_stands_below_its_parent() -> None:
    techniques = [
        Technique(id="T1566.001", name="Spearphishing Attachment", explicit=True),
        Technique(id="T1190", name="Exploit Public-Facing Application", explicit=False),
    ]
    (document,) = ecs_documents(event_of(techniques=techniques))
    assert document["threat"]["framework"] == "MITRE ATT&CK"
    assert document["threat"]["technique"] == {
        "id": ["T1566", "T1190"],
        "name": ["Exploit Public-Facing Application"],
        "reference": ["https://attack.mitre.org/techniques/T1566/", "https://attack.mitre.org/techniques/T1190/"],
        "subtechnique": {
            "id": ["T1566.001"],
            "name": ["Spearphishing Attachment"],
            "reference": ["https://attack.mitre.org/techniques/T1566/001/"],
        },
    }


def test_indicators_stand_under_their_fields_and_again_under_related() -> None:
    rows = [
        ("domain-name", "evil.example"), ("onion-address", "x.onion"), ("url", "http://evil.example/a"),
        ("ipv4-addr", "203.0.113.7"), ("file-hash-md5", "ab" * 16), ("email-addr", "a@evil.example"),
        ("windows-registry-key", "HKLM\\x"), ("cryptocurrency-wallet", "bc1x"),
    ]  # fmt: skip
    indicators = [Indicator(type=kind, value=value, as_written=value) for kind, value in rows]
    item = ItemRef(id="i", content_sha256="00", tlp=Tlp.GREEN, url="https://n.example", source=Source(name="News"))
    (document,) = ecs_documents(event_of(item=item, indicators=indicators))
    assert document["threat"]["indicator"] == {
        "url": {"domain": ["evil.example", "x.onion"], "full": ["http://evil.example/a"]},
        "ip": ["203.0.113.7"],
        "file": {"hash": {"md5": ["ab" * 16]}},
        "email": {"address": ["a@evil.example"]},
        "registry": {"path": ["HKLM\\x"]},
        "type": ["domain-name", "url", "ipv4-addr", "file", "email-addr", "windows-registry-key"],
        "confidence": "Not Specified",
        "provider": "News",
        "reference": "https://n.example",
        "marking": {"tlp": "GREEN"},
    }
    assert document["related"] == {
        "hosts": ["evil.example", "x.onion"],
        "ip": ["203.0.113.7"],
        "hash": ["ab" * 16],
        "user": ["a@evil.example"],
    }
    assert document["shirase"]["other_indicators"] == ["bc1x"]
    assert document["event"]["type"] == ["indicator"]


def test_software_and_vulnerabilities() -> None:
    event = event_of(
        malware=[Malware(name="PlugX", kind="malware"), Malware(name="Mimikatz", kind="tool")],
        vulnerabilities=[Vulnerability(id="CVE-2026-990001")],
    )
    (document,) = ecs_documents(event)
    assert document["threat"]["software"] == {"name": ["PlugX", "Mimikatz"], "type": ["Malware", "Tool"]}
    assert document["vulnerability"] == {"id": "CVE-2026-990001", "enumeration": "CVE"}


def test_the_time_is_the_items_and_else_the_readings() -> None:
    item = ItemRef(id="i", content_sha256="00", published_at="2026-05-01T18:30:00+09:00")
    (told,) = ecs_documents(event_of(item=item))
    (untold,) = ecs_documents(event_of(item=ItemRef(id="i", content_sha256="00", published_at="yesterday")))
    assert told["@timestamp"] == "2026-05-01T09:30:00.000Z"
    assert untold["@timestamp"] == "2026-05-02T10:00:00Z"


@given(event=tagged_events())
@settings(max_examples=60, deadline=None)
def test_any_event_gives_as_many_documents_as_attackers_in_known_fields_only(event: TaggedEvent) -> None:
    documents = [json.loads(line) for line in render_ecs(event).splitlines()]
    assert len(documents) == max(len(event.attackers), 1)
    assert len({document["event"]["id"] for document in documents}) == len(documents)
    for document in documents:
        assert document.keys() <= TOP
        for name, known in KNOWN.items():
            assert paths(document.get(name) or {}) - {""} <= known
