"""The second stage over a lane in memory: exactly once, whatever the lane and the deliveries do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chaos.story_events import story_event
from tests.unit.alerter.test_digesting import RULES, TOPICS
from tests.unit.tagger.fakes import CountingTelemetry
from workers.alerter.digest import digest
from workers.alerter.lanes import FoldStage
from workers.alerter.packing import packed
from workers.errors import BatchLost, FatalError, FencedError
from workers.formats.alert import AlertHeaders, decode_alert
from workers.model import OutgoingRecord, Partition, Record
from workers.ports import LaneCommit

STORIES = 6


def log_of(partition: int = 0) -> list[Record]:
    """The stories' topic: each of a few stories told by three outlets."""
    events = [story_event(number, outlet, number * 3 + outlet) for number in range(STORIES) for outlet in range(3)]
    outputs = [out for event in events for out in packed(digest(event, RULES), "stories")]
    return [
        Record(partition=Partition("stories", partition), offset=at, timestamp_ms=1, key=out.key, value=out.value)
        for at, out in enumerate(outputs)
    ]


LOG = log_of()


class Broker:
    """What lanes share: the state, the outputs, and who may write."""

    def __init__(self, log: Sequence[Record] = LOG) -> None:
        self.log = log
        self.rows: dict[str, bytes] = {}
        self.position = 0
        self.out: list[OutgoingRecord] = []
        self.epoch = 0
        self.lose_before = 0
        self.lose_after = 0
        self.closed = 0

    def open(self, number: int) -> MemoryLane:
        assert number == 0
        return MemoryLane(self)

    def alerts(self) -> list[tuple[str, str]]:
        found = [decode_alert(out.value or b"") for out in self.out if out.topic == "alerts"]
        return [(alert.reason, alert.item.id) for alert in found]


class MemoryLane:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        broker.epoch += 1
        self._epoch = broker.epoch

    def restore(self) -> tuple[Mapping[str, bytes], int]:
        return dict(self._broker.rows), self._broker.position

    def read(self, start: int, end: int) -> Sequence[Record]:
        return self._broker.log[start:end]

    def commit(self, commit: LaneCommit) -> None:
        broker = self._broker
        if self._epoch != broker.epoch:
            raise FencedError("somebody else has the lane")
        if broker.lose_before:
            broker.lose_before -= 1
            raise BatchLost("before")
        for key, value in commit.rows.items():
            if value is None:
                broker.rows.pop(key, None)
            else:
                broker.rows[key] = value
        broker.out.extend(commit.outputs)
        broker.position = commit.position
        if broker.lose_after:
            broker.lose_after -= 1
            raise BatchLost("after")

    def close(self) -> None:
        self._broker.closed += 1


def stage(broker: Broker, telemetry: CountingTelemetry | None = None) -> FoldStage:
    return FoldStage(
        RULES,
        broker.open,
        topics=TOPICS,
        headers=AlertHeaders("urn:test"),
        worker="1",
        telemetry=telemetry or CountingTelemetry(),
    )


def undisturbed() -> list[tuple[str, str]]:
    broker = Broker()
    stage(broker).handle(LOG, {0})
    return broker.alerts()


WANTED = undisturbed()


def test_each_story_alerts_once_and_once_more_when_it_is_corroborated() -> None:
    telemetry, broker = CountingTelemetry(), Broker()
    stage(broker, telemetry).handle(LOG, {0})
    reasons = [reason for reason, _ in broker.alerts()]
    assert (reasons.count("new-story"), reasons.count("corroborated")) == (STORIES, STORIES)
    assert telemetry.counters[("alerts_total", "new-story", "CN")] == STORIES
    assert telemetry.counters[("records_consumed_total", "stories")] == len(LOG)
    assert telemetry.gauges[("stories_open",)] > 0
    assert broker.position == len(LOG)


def test_what_is_held_back_is_listed_with_its_cause() -> None:
    telemetry = CountingTelemetry()
    event = story_event(1, 1, 1)
    old = msgspec.structs.replace(event, item=msgspec.structs.replace(event.item, published_at="2026-01-01T00:00:00Z"))
    log = [
        Record(partition=Partition("stories", 0), offset=at, timestamp_ms=1, key=out.key, value=out.value)
        for at, out in enumerate(packed(digest(old, RULES), "stories"))
    ]
    broker = Broker(log)
    stage(broker, telemetry).handle(log, {0})
    (held,) = broker.out
    assert held.topic == "held"
    assert dict(held.headers)["shirase-suppressed-by"] == b"old-news"
    assert telemetry.counters[("alerts_suppressed_total", "old-news")] == 1


_STEPS = st.lists(
    st.tuples(
        st.integers(0, len(LOG)),  # where a delivery begins
        st.integers(1, 9),  # how many records
        st.sampled_from(("", "before", "after", "restart", "moved")),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(_STEPS)
def test_no_delivery_order_no_loss_and_no_restart_changes_the_alerts(steps: list[tuple[int, int, str]]) -> None:
    broker = Broker()
    one = stage(broker)
    for start, count, trouble in steps:
        broker.lose_before, broker.lose_after = int(trouble == "before"), int(trouble == "after")
        if trouble == "restart":
            one = stage(broker)
        owned = set() if trouble == "moved" else {0}
        one.handle(LOG[start : start + count], owned)
        broker.lose_before = broker.lose_after = 0
    one.handle(LOG[-1:], {0})  # everything up to the last record, however little was delivered
    assert broker.alerts() == WANTED


def test_what_was_passed_over_is_fetched() -> None:
    broker = Broker()
    stage(broker).handle([LOG[3], LOG[9], LOG[-1]], {0})
    assert broker.alerts() == WANTED


def test_a_partition_of_somebody_else_is_let_alone() -> None:
    broker = Broker()
    one = stage(broker)
    one.handle(LOG, {1})
    assert (broker.epoch, broker.out) == (0, [])
    one.handle(LOG[:2], {0})
    one.handle(LOG[2:4], set())
    assert (broker.closed, broker.position) == (1, 2)


def test_a_sleeper_writes_nothing() -> None:
    broker = Broker()
    sleeper, owner = stage(broker), stage(broker)
    sleeper.handle(LOG[:3], {0})
    owner.handle(LOG[3:6], {0})
    with pytest.raises(FencedError):
        sleeper.handle(LOG[3:6], {0})
    owner.handle(LOG[6:], {0})
    assert broker.alerts() == WANTED


def test_a_batch_that_is_lost_again_and_again_ends_the_process() -> None:
    broker = Broker()
    broker.lose_before = 100
    with pytest.raises(FatalError, match="publishing-fails"):
        stage(broker).handle(LOG, {0})
    assert broker.out == []


def test_what_holds_no_digests_is_dead_lettered_once() -> None:
    broken = Record(partition=Partition("stories", 0), offset=0, timestamp_ms=1, key=b"k", value=b"\xc1")
    broker = Broker([broken])
    one = stage(broker)
    one.handle([broken], {0})
    one.handle([broken], {0})
    (letter,) = broker.out
    assert (letter.topic, letter.value) == ("dead", b"\xc1")
    assert dict(letter.headers)["shirase-error-code"] == b"not-digests"


def test_a_lane_that_cannot_be_restored_is_closed() -> None:
    broker = Broker()

    class Broken(MemoryLane):
        def restore(self) -> tuple[Mapping[str, bytes], int]:
            raise FatalError("offset-out-of-range", "gone")

    one = FoldStage(
        RULES,
        lambda _: Broken(broker),
        topics=TOPICS,
        headers=AlertHeaders("urn:test"),
        worker="1",
        telemetry=CountingTelemetry(),
    )
    with pytest.raises(FatalError):
        one.handle(LOG, {0})
    assert broker.closed == 1
    one.close()
