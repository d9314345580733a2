"""The loop: conservation, the dead-letter limit, lost batches, stopping. All in memory."""

from __future__ import annotations

import pytest

from tests.unit.tagger.fakes import (
    CountingTelemetry,
    MemoryStream,
    RecordingWatchdog,
    item,
    loop,
    pipeline,
    record,
)
from workers.errors import DependencyError, FatalError
from workers.model import OutgoingRecord, Partition, Record
from workers.settings import DeadLetterSettings
from workers.tagger.pipeline import Pipeline, Processed


def items(count: int) -> list[Record]:
    return [record(item(n), n) for n in range(count)]


def test_until_idle_processes_what_is_there_and_returns() -> None:
    stream, watchdog = MemoryStream(items(25)), RecordingWatchdog()
    loop(stream, watchdog=watchdog).run(until_idle=True)
    assert len(stream.published) == 25
    assert stream.committed == {Partition("intel.raw.news", 0): 25}
    assert set(watchdog.armed) == {9.0}
    assert not watchdog.is_armed


def test_consumed_is_tagged_plus_dead_lettered_plus_filtered() -> None:
    telemetry = CountingTelemetry()
    stream = MemoryStream([record(item(n) if n % 3 else b"bad", n) for n in range(30)])
    loop(stream, telemetry=telemetry).run(until_idle=True)
    assert telemetry.total("records_consumed_total") == 30 == telemetry.total("outcomes_total")
    assert telemetry.counters["outcomes_total", "dead_lettered", "not-json"] == 10
    assert telemetry.counters["events_published_total", "dead"] == 10


def test_a_lost_batch_is_thrown_away_counted_nowhere_and_read_again() -> None:
    telemetry, lost = CountingTelemetry(), list[str]()
    stream = MemoryStream(items(10))
    stream.lose_next = 2
    loop(stream, telemetry=telemetry, lost=lost).run(until_idle=True)
    assert len(stream.published) == 10
    assert stream.rewinds == 2
    assert lost == ["the partitions moved"] * 2
    assert telemetry.total("records_consumed_total") == 10


def test_a_lost_batch_does_not_count_towards_the_dead_letter_limit() -> None:
    stream = MemoryStream([record(b"bad", n) for n in range(3)])
    stream.lose_next = 5
    limit = DeadLetterSettings(max_in_a_row=4, max_share=1.0, share_window=100)
    loop(stream, limit=limit).run(until_idle=True)
    assert len(stream.published) == 3


def test_the_dead_letter_limit_stops_the_loop_before_anything_is_published() -> None:
    stream = MemoryStream([record(b"bad", n) for n in range(50)])
    limit = DeadLetterSettings(max_in_a_row=25, max_share=1.0, share_window=1_000)
    with pytest.raises(FatalError, match="dead-letter-limit: 30 dead letters in a row"):
        loop(stream, limit=limit).run(until_idle=True)
    assert len(stream.published) == 20
    assert stream.committed == {Partition("intel.raw.news", 0): 20}


def test_the_dead_letter_share_stops_the_loop() -> None:
    stream = MemoryStream([record(item(n) if n % 3 == 0 else b"bad", n) for n in range(60)])
    limit = DeadLetterSettings(max_in_a_row=1_000, max_share=0.5, share_window=40)
    with pytest.raises(FatalError, match="of the last 40 records are dead letters"):
        loop(stream, limit=limit).run(until_idle=True)


class _Leaky(Pipeline):
    """Forgets to publish the last output of each batch."""

    def process(self, records: object) -> Processed:
        done = super().process(records)  # type: ignore[arg-type]
        kinds = dict(done.published)
        kinds[next(kind for kind, count in kinds.items() if count)] -= 1
        return Processed(outcomes=done.outcomes, outputs=done.outputs[:-1], published=kinds, unknown_members={})


class _Forgetful(Pipeline):
    """Loses the outcome of the last record of each batch."""

    def process(self, records: object) -> Processed:
        done = super().process(records)  # type: ignore[arg-type]
        return Processed(
            outcomes=done.outcomes[:-1], outputs=done.outputs, published=done.published, unknown_members={}
        )


@pytest.mark.parametrize("broken", [_Leaky, _Forgetful])
def test_a_broken_pipeline_stops_the_loop_and_nothing_is_committed(broken: type[Pipeline]) -> None:
    run = pipeline()
    run.__class__ = broken
    stream = MemoryStream(items(5))
    with pytest.raises(FatalError, match="conservation"):
        loop(stream, run=run).run(until_idle=True)
    assert stream.published == []
    assert stream.committed == {}


def test_stop_lets_the_pass_in_hand_finish_and_starts_no_other() -> None:
    stream = MemoryStream(items(30))
    running = loop(stream)
    stream.before_publish = running.stop
    running.run(until_idle=False)
    assert len(stream.published) == 10
    assert stream.committed == {Partition("intel.raw.news", 0): 10}


class _Unreachable(MemoryStream):
    def rewind(self) -> None:
        self.rewinds += 1
        if self.rewinds < 3:
            raise DependencyError("kafka", "away")
        super().rewind()


def test_a_rewind_that_meets_an_absent_broker_is_tried_again() -> None:
    stream = _Unreachable(items(3))
    stream.lose_next = 1
    loop(stream).run(until_idle=True)
    assert len(stream.published) == 3


class _NeverBack(MemoryStream):
    def rewind(self) -> None:
        raise DependencyError("kafka", "away")


def test_a_broker_that_stays_away_ends_the_loop() -> None:
    stream = _NeverBack(items(3))
    stream.lose_next = 1
    with pytest.raises(DependencyError):
        loop(stream).run(until_idle=True)


def test_metrics_of_a_batch_are_bounded_and_in_seconds() -> None:
    telemetry = CountingTelemetry()
    stream = MemoryStream([record(item(n, published_at="1970-01-01T00:10:00Z"), n) for n in range(1_000)])
    loop(stream, telemetry=telemetry, batch=1_000).run(until_idle=True)
    ages = telemetry.observed["end_to_end_seconds",]
    assert ages == [999.0] * len(ages)
    assert 1 <= len(ages) <= 64
    assert set(telemetry.observed["publish_to_tag_seconds",]) == {400.0}
    assert telemetry.gauges["dead_letter_limit_remaining",] == 1_000
    assert telemetry.gauges["consumer_lag_records", "intel.raw.news", "0"] == 0


def test_outputs_keep_the_order_of_their_records() -> None:
    stream = MemoryStream(items(30))
    loop(stream, batch=7).run(until_idle=True)
    assert [output.key for output in stream.published] == [f"item-{n}".encode() for n in range(30)]
    assert all(isinstance(output, OutgoingRecord) for output in stream.published)
