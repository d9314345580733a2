"""The pipeline: one outcome per record, in order; bad items dead-lettered once, neighbours unharmed."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tagger.fakes import (
    CountingTelemetry,
    EchoEnricher,
    FailingReader,
    FixedReader,
    item,
    pipeline,
    record,
)
from workers.errors import FatalError, ItemError
from workers.model import (
    Analysis,
    Attacker,
    DeadLettered,
    Filtered,
    Record,
    Tagged,
    TaggedEvent,
    TargetCountry,
    Targets,
)
from workers.settings import FilterSettings, RouteSettings

BAD = {
    "not utf-8": (b"\xff\xfe\x00", "not-utf8"),
    "not json": (b"{'single': 1}", "not-json"),
    "half json": (b'{"title": "a', "not-json"),
    "a list": (b"[1, 2]", "not-an-object"),
    "a string": (b'"text"', "not-an-object"),
    "a number": (b"12", "not-an-object"),
    "null": (b"null", "not-an-object"),
    "no text": (b'{"id": "x"}', "no-text"),
    "empty text": (b'{"title": "", "body": ""}', "no-text"),
    "wrong type of title": (b'{"title": 5}', "wrong-type"),
    "wrong type inside": (b'{"title": "a", "source": {"name": []}}', "wrong-type"),
    "wrong observables": (b'{"title": "a", "observables": [1]}', "wrong-type"),
    "wrong content type": (b'{"title": "a", "content_type": "image/png"}', "wrong-type"),
    "confidence out of bounds": (b'{"title": "a", "confidence": 101}', "wrong-type"),
    "unknown tlp": (b'{"title": "a", "tlp": "PURPLE"}', "unknown-tlp"),
    "NaN": (b'{"title": "a", "confidence": NaN}', "not-json"),
    "a million digits": (b'{"title": "a", "confidence": ' + b"9" * 99_000 + b"}", None),
    "deep nesting": (b'{"title": ' + b"[" * 40_000 + b"]" * 40_000 + b"}", None),
    "a lone surrogate escape": (b'{"title": "\\ud800"}', None),
    "a tombstone": (None, "tombstone"),
    "empty": (b"", "empty"),
    "blank": (b"  \n", "empty"),
    "too large": (b'{"title": "' + b"a" * 100_001 + b'"}', "too-large"),
}


def test_one_outcome_per_record_in_order_with_its_event() -> None:
    processed = pipeline().process([record(item(n), n) for n in range(3)])
    assert [type(outcome) for outcome in processed.outcomes] == [Tagged] * 3
    events = [msgspec.json.decode(output.value or b"", type=TaggedEvent) for output in processed.outputs]
    assert [event.item.id for event in events] == ["item-0", "item-1", "item-2"]
    assert [output.key for output in processed.outputs] == [b"item-0", b"item-1", b"item-2"]
    assert {output.topic for output in processed.outputs} == {"out"}
    assert events[0].provenance.processed_at == "1970-01-01T00:16:40.000Z"


@pytest.mark.parametrize(("value", "code"), BAD.values(), ids=BAD)
def test_a_bad_item_is_dead_lettered_once_and_its_neighbours_are_unharmed(
    value: bytes | None, code: str | None
) -> None:
    records = [record(item(0), 0), record(value, 1, key=b"its key"), record(item(2), 2)]
    processed = pipeline().process(records)
    first, bad, last = processed.outcomes
    assert isinstance(first, Tagged)
    assert isinstance(last, Tagged)
    assert isinstance(bad, DeadLettered)
    assert bad.code != "bug"
    assert code is None or bad.code == code
    letters = [output for output in processed.outputs if output.topic == "dead"]
    assert len(letters) == 1
    assert letters[0].value == value
    assert letters[0].key == b"its key"
    headers = dict(letters[0].headers)
    assert headers["shirase-error-code"] == bad.code.encode()
    assert headers["shirase-origin-offset"] == b"1"
    assert [output.topic for output in processed.outputs] == ["out", "dead", "out"]


@given(st.lists(st.one_of(st.binary(max_size=80), st.none(), st.integers(0, 9).map(item)), max_size=12))
def test_whatever_comes_every_record_is_accounted_for(values: list[bytes | None]) -> None:
    bugs: list[tuple[Record, Exception]] = []
    processed = pipeline(bugs=bugs).process([record(value, n) for n, value in enumerate(values)])
    assert len(processed.outcomes) == len(values)
    tagged = sum(isinstance(outcome, Tagged) for outcome in processed.outcomes)
    dead = sum(isinstance(outcome, DeadLettered) for outcome in processed.outcomes)
    assert processed.published == {Tagged: tagged, DeadLettered: dead}
    assert tagged + dead == len(values) == len(processed.outputs)
    assert not bugs


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
member_names = st.sampled_from(["id", "title", "body", "url", "source", "tlp", "confidence", "observables", "other"])


@given(st.dictionaries(member_names, json_values))
def test_no_shape_of_json_is_a_bug(members: dict[str, object]) -> None:
    bugs: list[tuple[Record, Exception]] = []
    processed = pipeline(bugs=bugs).process([record(json.dumps(members).encode())])
    assert not bugs
    assert len(processed.outputs) == 1


def test_a_bug_around_one_item_costs_that_item_and_is_reported() -> None:
    bugs: list[tuple[Record, Exception]] = []
    run = pipeline(reader=FailingReader("text 1", ZeroDivisionError("oh")), bugs=bugs)
    processed = run.process([record(item(n), n) for n in range(3)])
    kinds = [getattr(outcome, "code", "tagged") for outcome in processed.outcomes]
    assert kinds == ["tagged", "bug", "tagged"]
    assert [(one.offset, type(error)) for one, error in bugs] == [(1, ZeroDivisionError)]


def test_a_fatal_error_is_not_swallowed_around_an_item() -> None:
    run = pipeline(reader=FailingReader("text", FatalError("stop", "now")))
    with pytest.raises(FatalError, match="stop: now"):
        run.process([record(item(0))])


def test_an_item_error_of_a_later_step_keeps_its_code() -> None:
    run = pipeline(reader=FailingReader("text", ItemError("unreadable", "why")))
    (outcome,) = run.process([record(item(0))]).outcomes
    assert outcome == DeadLettered(code="unreadable", detail="why")


def test_lookups_go_to_their_own_items_although_others_failed() -> None:
    run = pipeline(enricher=EchoEnricher())
    outcomes = run.process([record(item(0), 0), record(b"bad", 1), record(item(2), 2)]).outcomes
    keys = [[one.key for one in o.event.lookups] if isinstance(o, Tagged) else None for o in outcomes]
    assert keys == [["item-0"], None, ["item-2"]]


def test_filtered_items_are_counted_and_not_published() -> None:
    filters = FilterSettings(exclude_sources=["noise"], languages=["en"])
    values = [item(0, source={"name": "Noise"}), item(1, language="fr"), item(2, language="EN"), item(3)]
    processed = pipeline(filters=filters).process([record(value, n) for n, value in enumerate(values)])
    assert processed.outcomes[:2] == [Filtered(code="source"), Filtered(code="language")]
    assert len(processed.outputs) == 2
    assert processed.published == {Tagged: 2, DeadLettered: 0}


def test_a_routed_event_is_published_to_its_routes_and_names_them() -> None:
    analysis = Analysis(
        attackers=[Attacker(country="CN", rank="primary", kind="state", score=0.9, stance="asserted")],
        targets=Targets(countries=[TargetCountry(code="JP", score=0.9)]),
    )
    routes = [
        RouteSettings(name="cn", attacker_country=["CN"]),
        RouteSettings(name="ru", attacker_country=["RU"]),
        RouteSettings(name="japan", target_country=["JP"], topic="for-japan"),
    ]
    processed = pipeline(reader=FixedReader(analysis), routes=routes).process([record(item(0))])
    assert [output.topic for output in processed.outputs] == ["out", "out.cn", "for-japan"]
    (outcome,) = processed.outcomes
    assert isinstance(outcome, Tagged)
    assert outcome.event.routes == ["cn", "japan"]
    assert outcome.topics == ("out", "out.cn", "for-japan")
    assert processed.published[Tagged] == 1
    assert {output.value for output in processed.outputs} == {outcome.value}


def test_an_event_that_cannot_be_sent_is_dead_lettered() -> None:
    processed = pipeline(max_request_bytes=20_000).process([record(item(0, title="t" * 15_000))])
    (outcome,) = processed.outcomes
    assert isinstance(outcome, DeadLettered)
    assert outcome.code == "event-too-large"


def test_every_stage_is_timed() -> None:
    telemetry = CountingTelemetry()
    pipeline(telemetry=telemetry).process([record(item(0))])
    stages = [labels[1] for labels in telemetry.observed if labels[0] == "stage_duration_seconds"]
    assert stages == ["decode", "classify", "look_up", "tag", "encode"]


def test_unknown_members_are_counted_per_topic() -> None:
    processed = pipeline().process([record(item(n, colour="red", size=1), n) for n in range(2)])
    assert processed.unknown_members == {"intel.raw.news": 4}
