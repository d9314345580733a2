"""Alerts as bytes and headers, against their schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec

from tests.support.reports import NOW, attacker, report, rules
from workers.alerter.replay import replay
from workers.formats.alert import AlertHeaders, decode_alert, encode_alert
from workers.model import Tlp
from workers.model.alert import Alert

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "config" / "schema" / "alert.json").read_text("utf-8"))


def an_alert() -> Alert:
    event = report(1, attackers=[attacker("KP", "Lazarus Group")], targets="JP", sectors="energy", tlp=Tlp.GREEN)
    (result,) = replay([event], rules())
    return result.alerts[0]


def test_an_alert_meets_its_schema_and_comes_back_the_same() -> None:
    alert = an_alert()
    value = encode_alert(alert)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(value))
    assert decode_alert(value) == alert


def test_the_contract_s_members_stand_in_it() -> None:
    found = json.loads(encode_alert(an_alert()))
    for member in ("schema", "id", "story", "reason", "attackers", "targets", "severity", "item", "event_id", "routes"):
        assert member in found
    assert set(found["story"]) >= {"id", "first_seen", "items", "sources", "title"}
    assert (found["schema"], found["reason"], found["raised_at"]) == (
        "shirase.alert/1",
        "new-story",
        "2023-11-14T22:13:20Z",
    )
    assert NOW == 1_700_000_000.0


def test_headers_filter_without_parsing() -> None:
    alert = an_alert()
    headers = dict(AlertHeaders("urn:test").build(alert))
    assert headers["ce_type"] == b"org.shirase.alert.v1"
    assert headers["ce_id"] == alert.id.encode()
    assert headers["ce_subject"] == alert.story.id.encode()
    assert headers["shirase-attackers"] == b"KP"
    assert headers["shirase-sectors"] == b"energy"
    assert headers["shirase-tlp"] == b"GREEN"
    assert (headers["shirase-reason"], headers["shirase-severity"]) == (b"new-story", b"high")


def test_empty_headers_are_left_out() -> None:
    bare = msgspec.structs.replace(an_alert(), attackers=[], tlp=None)
    names = [name for name, _ in AlertHeaders("urn:test").build(bare)]
    assert "shirase-attackers" not in names
    assert "shirase-tlp" not in names
