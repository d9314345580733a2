"""Stage one: what is watched, in which shards it is looked at, and what the digest carries."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from tests.support.reports import NOW, SETTINGS, attacker, report, rules
from workers.alerter.digest import decode_digest, digest, encode_digest
from workers.alerter.rules import AlertRules, build_rules
from workers.formats.text_signature import text_signature
from workers.model import Evidence, TaggedEvent
from workers.settings.alerts import WatchSettings


def watching(**conditions: object) -> AlertRules:
    row = WatchSettings(name="row", **conditions)  # type: ignore[arg-type]
    return build_rules(replace(SETTINGS, watch=(row,), surge=replace(SETTINGS.surge, enabled=False)))


def test_what_nobody_watches_yields_nothing() -> None:
    assert digest(report(1, attackers=[attacker("FR")], targets="JP"), rules()) == ()


def test_an_event_of_two_rows_leads_in_the_first_and_follows_in_the_other() -> None:
    event = report(1, attackers=[attacker("KP"), attacker("CN")])
    assert [(part.shard, part.purpose) for part in digest(event, rules())] == [
        ("watch:cn", "lead"),
        ("watch:kp", "follow"),
    ]


def test_surges_are_counted_by_attacker_country_and_sector() -> None:
    chosen = rules(surge={"enabled": True})
    event = report(1, attackers=[attacker("KP")], sectors="energy media")
    assert [part.shard for part in digest(event, chosen) if part.purpose == "surge"] == [
        "surge:attacker:KP",
        "surge:sector:energy",
    ]
    unsure = report(1, attackers=[attacker("KP", score=0.4)], sectors="energy")
    assert [part.purpose for part in digest(unsure, chosen)] == ["lead"]


@pytest.mark.parametrize(
    ("conditions", "event", "score"),
    [
        ({"attacker_country": ["CN"]}, report(1), 0.9),
        ({"attacker_country": ["RU"]}, report(1), None),
        ({"actor": ["lazarus GROUP"]}, report(1, attackers=[attacker("KP", "Lazarus Group", score=0.7)]), 0.7),
        ({"actor": ["id-APT1"], "attacker_country": ["CN"]}, report(1, attackers=[attacker("CN", "APT1")]), 0.9),
        # One and the same attacker must meet both.
        (
            {"actor": ["APT1"], "attacker_country": ["KP"]},
            report(1, attackers=[attacker("CN", "APT1"), attacker("KP")]),
            None,
        ),
        ({"target_country": ["JP"]}, report(1, attackers=[], targets="JP"), 0.9),
        ({"target_country": ["JP"]}, report(1, attackers=[], targets="US"), None),
        ({"sector": ["energy"]}, report(1, attackers=[], sectors="energy"), 0.9),
        ({"sector": ["energy"], "target_country": ["JP"]}, report(1, sectors="energy", targets="US"), None),
        ({"source": ["outlet 1"]}, report(1, attackers=[]), 1.0),
        ({"source": ["outlet 2"]}, report(1, attackers=[]), None),
        ({"route": ["cn"]}, report(1, attackers=[]), 1.0),
        ({"route": ["kp"]}, report(1, attackers=[]), None),
    ],
)
def test_conditions_of_a_watch_row(conditions: dict[str, object], event: TaggedEvent, score: float | None) -> None:
    found = digest(event, watching(**conditions))
    assert [part.score for part in found] == ([] if score is None else [score])


def test_the_digest_survives_its_journey_and_leaves_the_evidence_behind() -> None:
    quote = Evidence(field="body", start=0, end=1, quote="x", rule="r")
    one = msgspec.structs.replace(attacker("CN", "APT1"), evidence=[quote, quote])
    (part,) = digest(report(1, attackers=[one], malware="APT1 PlugX", cves="CVE-2026-0001"), rules())
    assert decode_digest(encode_digest(part)) == part
    assert part.attackers[0].evidence == [quote]
    assert part.malware == ["plugx"], "a family named like the actor must not count twice"
    assert part.vulnerabilities == ["CVE-2026-0001"]
    assert part.at == NOW
    assert part.item.text_signature is None


def test_an_event_without_a_signature_is_told_by_its_excerpt() -> None:
    event = report(1)
    sentences = ["One sentence about what the attackers did to the ministry last week.", "Another one follows here."]
    bare = msgspec.structs.replace(
        event,
        item=msgspec.structs.replace(event.item, text_signature=None),
        summary=msgspec.structs.replace(event.summary, activity=sentences),
    )
    (part,) = digest(bare, rules())
    assert part.signature == text_signature("\n".join(["Title 1", *sentences]))
