"""The first stage: what is watched goes on, what is no event is dead-lettered, and nothing is counted before it is out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from tests.chaos.story_events import story_event
from tests.unit.tagger.fakes import CONFIG, CountingTelemetry
from workers.alerter.digesting import DigestStage, StageTopics, read_event
from workers.alerter.packing import packed, unpacked
from workers.alerter.rules import build_rules
from workers.errors import DependencyError, ItemError
from workers.formats.dead_letter import parse_dead_letter
from workers.model import OutgoingRecord, Partition, Record
from workers.settings.alerts import load_alert_settings

RULES = build_rules(load_alert_settings(Path(CONFIG)))
TOPICS = StageTopics(stories="stories", alerts="alerts", suppressed="held", dead_letter="dead")


class FakeOutlet:
    def __init__(self) -> None:
        self.out: list[OutgoingRecord] = []
        self.is_down = False
        self.is_closed = False

    def publish(self, outputs: Sequence[OutgoingRecord]) -> None:
        if self.is_down:
            raise DependencyError("kafka", "away")
        self.out.extend(outputs)

    def close(self) -> None:
        self.is_closed = True


def record(value: bytes | None, offset: int = 0, key: bytes | None = b"k") -> Record:
    return Record(partition=Partition("tagged", 0), offset=offset, timestamp_ms=1, key=key, value=value)


def event(number: int = 0, outlet: int = 0, country: str = "CN") -> bytes:
    return msgspec.json.encode(story_event(number, outlet, number, country=country))


def stage() -> tuple[DigestStage, FakeOutlet, CountingTelemetry]:
    outlet, telemetry = FakeOutlet(), CountingTelemetry()
    return DigestStage(RULES, outlet, topics=TOPICS, worker="1", telemetry=telemetry), outlet, telemetry


def test_watched_events_go_on_in_order_under_their_shard() -> None:
    one, outlet, telemetry = stage()
    one.handle([record(event(number), number) for number in range(3)])
    keys = {out.key for out in outlet.out}
    assert b"watch:cn" in keys
    (cn,) = [out for out in outlet.out if out.key == b"watch:cn"]
    assert [digest.item.id for digest in unpacked(cn.value)] == ["item-0-0", "item-1-0", "item-2-0"]
    assert telemetry.counters[("records_consumed_total", "tagged")] == 3


def test_what_nobody_watches_is_counted_and_dropped() -> None:
    one, outlet, telemetry = stage()
    one.handle([record(event(country="FR"))])
    assert outlet.out == []
    assert telemetry.counters[("story_items_total", "ignored")] == 1


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"\xff", "not-json"),
        (b"{", "not-json"),
        (b"[" * 100_000, "not-a-tagged-event"),
        (b"{}", "not-a-tagged-event"),
        (b'{"schema": "shirase.tagged/2"}', "not-a-tagged-event"),
        (None, "no-value"),
    ],
)
def test_what_is_no_event_is_dead_lettered_with_its_bytes_and_the_rest_goes_on(value: bytes | None, code: str) -> None:
    one, outlet, telemetry = stage()
    one.handle([record(value, 7), record(event(), 8)])
    (letter,) = [out for out in outlet.out if out.topic == "dead"]
    assert letter.value == value
    assert ("ce_source", b"urn:shirase:alerter") in letter.headers
    info = parse_dead_letter(msgspec.structs.replace(record(letter.value), headers=letter.headers))
    assert info is not None
    assert (info.code, info.origin, info.offset) == (code, Partition("tagged", 0), 7)
    assert any(out.topic == "stories" for out in outlet.out)
    assert telemetry.counters[("story_items_total", "dead-lettered")] == 1


def test_a_record_without_key_and_value_can_be_sent() -> None:
    one, outlet, _ = stage()
    one.handle([record(None, key=None)])
    assert outlet.out[0].value == b""


def test_nothing_counts_that_was_not_acknowledged() -> None:
    one, outlet, telemetry = stage()
    outlet.is_down = True
    with pytest.raises(DependencyError):
        one.handle([record(event())])
    assert not telemetry.counters
    one.close()
    assert outlet.is_closed


def test_packs_are_bounded_and_keep_their_order() -> None:
    one, outlet, _ = stage()
    one.handle([record(event(number), number) for number in range(230)])
    packs = [out for out in outlet.out if out.key == b"watch:cn"]
    assert [len(unpacked(out.value)) for out in packs] == [100, 100, 30]
    again = [digest for out in packs for digest in unpacked(out.value)]
    assert [out.value for out in packed(again, "stories")] == [out.value for out in packs]


def test_no_event_is_told_in_words() -> None:
    with pytest.raises(ItemError, match="missing required field"):
        read_event(b"{}")
