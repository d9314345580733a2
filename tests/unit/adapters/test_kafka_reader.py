"""The reader against a scripted consumer: batches are cut, and after any change of the assignment nothing stale comes out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError, NoOffsetForPartitionError, OffsetOutOfRangeError
from kafka.structs import ConsumerGroupMetadata, MemberState

from tests.unit.tagger.fakes import FakeClock, settings
from workers.adapters.kafka_reader import GroupReader, RebalanceWatch
from workers.errors import BatchLost, DependencyError, FatalError
from workers.model import Partition
from workers.ports import BatchLimits

P0, P1 = TopicPartition("t", 0), TopicPartition("t", 1)
WIDE = BatchLimits(records=100, octets=1_000_000, wait_s=0.05)


class Raw(NamedTuple):
    offset: int
    value: bytes | None
    timestamp: int = 0
    key: bytes | None = None
    headers: Any = ()


class ScriptedConsumer:
    """Hands out what the script says; each step may also do something, as kafka-python's network thread would."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.script: deque[Callable[[], dict[TopicPartition, list[Raw]]]] = deque()
        self.metadata = ConsumerGroupMetadata("g", 1, "me", None, MemberState.STABLE)
        self.offsets: dict[TopicPartition, int | None] = {P0: 0}
        self.seeks: list[tuple[TopicPartition, int | str]] = []
        self.waits: list[int] = []
        self.wanted: list[int] = []
        self.fail_committed = 0
        self.end: int | None = 10

    def poll(self, wait_ms: int, max_records: int) -> dict[TopicPartition, list[Raw]]:
        self.waits.append(wait_ms)
        self.wanted.append(max_records)
        if self.script:
            return self.script.popleft()()
        self._clock.now += max(wait_ms, 1) / 1000
        return {}

    def group_metadata(self) -> ConsumerGroupMetadata:
        return self.metadata

    def assignment(self) -> set[TopicPartition]:
        return set(self.offsets)

    def committed(self, tp: TopicPartition, timeout_ms: int) -> int | None:
        if self.fail_committed:
            self.fail_committed -= 1
            raise KafkaTimeoutError
        return self.offsets[tp]

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.seeks.append((tp, offset))

    def seek_to_beginning(self, *tps: TopicPartition) -> None:
        self.seeks += [(tp, "beginning") for tp in tps]

    def position(self, tp: TopicPartition, timeout_ms: int) -> int | None:
        return 7

    def highwater(self, tp: TopicPartition) -> int | None:
        return self.end

    def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, 7)


class Rig:
    """A reader, its scripted consumer, and the network thread's callbacks."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.told: list[tuple[str, int]] = []
        self.watch = RebalanceWatch(lambda kind, count: self.told.append((kind, count)))
        self.consumer = ScriptedConsumer(self.clock)
        self.reader = GroupReader(self.consumer, self.watch, self.clock, settings().kafka)
        self.reader.poll(BatchLimits(records=1, octets=1, wait_s=0.001))
        self.consumer.seeks.clear()

    def gives(self, *records: Raw, tp: TopicPartition = P0, before: Callable[[], None] = lambda: None) -> None:
        def step() -> dict[TopicPartition, list[Raw]]:
            before()
            return {tp: list(records)} if records else {}

        self.consumer.script.append(step)

    def raises(self, error: Exception) -> None:
        def step() -> dict[TopicPartition, list[Raw]]:
            raise error

        self.consumer.script.append(step)

    def offsets(self, limits: BatchLimits = WIDE) -> list[int]:
        return [record.offset for record in self.reader.poll(limits)]


def raws(start: int, stop: int, size: int = 10) -> list[Raw]:
    return [Raw(offset, b"x" * size) for offset in range(start, stop)]


def test_a_batch_is_cut_by_records_and_the_rest_is_carried_over() -> None:
    rig = Rig()
    rig.gives(*raws(0, 10))
    limits = BatchLimits(records=4, octets=1_000_000, wait_s=0.05)
    assert [rig.offsets(limits) for _ in range(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_a_batch_is_cut_by_octets_but_never_empty() -> None:
    rig = Rig()
    rig.gives(Raw(0, b"x" * 60), Raw(1, b"x" * 60), Raw(2, b"x" * 500), Raw(3, None))
    limits = BatchLimits(records=100, octets=100, wait_s=0.05)
    assert [rig.offsets(limits) for _ in range(4)] == [[0], [1], [2], [3]]


def test_a_batch_is_cut_by_time_after_its_first_record() -> None:
    rig = Rig()
    rig.gives(*raws(0, 1))
    assert rig.offsets() == [0]
    assert rig.clock.now < 1_001.0


@pytest.mark.parametrize(("end", "waits"), [(7, False), (8, True), (None, True)])
def test_a_batch_ends_at_the_end_of_the_log_without_waiting_for_more(end: int | None, waits: bool) -> None:
    rig = Rig()
    rig.consumer.end = end
    rig.gives(*raws(0, 2))
    started = rig.clock.now
    assert rig.offsets() == [0, 1]
    assert (rig.clock.now - started > WIDE.wait_s / 2) is waits


def test_several_fetches_make_one_batch() -> None:
    rig = Rig()
    rig.gives(*raws(0, 3))
    rig.gives(*raws(0, 2), tp=P1)
    assert [(r.partition.number, r.offset) for r in rig.reader.poll(WIDE)] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]


def test_the_client_is_asked_for_what_fits_by_the_size_seen() -> None:
    rig = Rig()
    rig.gives(*raws(0, 8, size=100_000))
    rig.offsets(BatchLimits(records=2_000, octets=1_000_000, wait_s=0.05))
    assert rig.consumer.wanted[-1] < 20


def test_nothing_within_the_wait_is_an_empty_batch() -> None:
    assert Rig().offsets() == []


def test_after_a_rebalance_positions_are_the_committed_ones_and_stale_records_are_dropped() -> None:
    """The member missed a generation in which another one read on to 50: its own position says 3."""
    rig = Rig()
    rig.gives(*raws(0, 3))
    rig.consumer.offsets = {P0: 50}

    def rebalance() -> None:
        rig.watch.on_partitions_revoked([P0])
        rig.watch.on_partitions_assigned([P0])

    rig.gives(*raws(3, 6), before=rebalance)
    rig.gives(*raws(50, 52))
    assert rig.offsets() == [50, 51]
    assert rig.consumer.seeks == [(P0, 50)]
    assert rig.told == [("revoked", 1), ("assigned", 1)]


@pytest.mark.parametrize("callback", ["on_partitions_revoked", "on_partitions_lost", "on_partitions_assigned"])
def test_any_change_of_the_assignment_drops_what_was_carried_over(callback: str) -> None:
    rig = Rig()
    rig.gives(*raws(0, 10))
    assert rig.offsets(BatchLimits(records=4, octets=1_000_000, wait_s=0.05)) == [0, 1, 2, 3]
    getattr(rig.watch, callback)([P0])
    with pytest.raises(BatchLost):
        rig.reader.owned_group()


def test_a_new_partition_without_a_committed_offset_starts_with_its_oldest_record() -> None:
    rig = Rig()
    rig.consumer.offsets = {P0: 4, P1: None}
    rig.reader.rewind()
    rig.offsets()
    assert sorted(rig.consumer.seeks) == [(P0, 4), (P1, "beginning")]
    rig.raises(NoOffsetForPartitionError({P1}))
    rig.offsets()
    assert rig.consumer.seeks[-1] == (P1, "beginning")


def test_going_back_waits_for_an_undecided_transaction_and_hands_out_nothing_before() -> None:
    rig = Rig()
    rig.reader.rewind()
    rig.consumer.fail_committed = 1
    rig.gives(*raws(90, 92))
    rig.gives(*raws(90, 92))
    rig.gives(*raws(0, 1))
    assert rig.offsets() == [0]


def test_no_position_is_touched_while_the_member_is_outside_the_group() -> None:
    rig = Rig()
    rig.reader.rewind()
    rig.consumer.metadata = rig.consumer.metadata._replace(state=MemberState.REBALANCING)
    rig.gives(*raws(0, 1))
    assert rig.offsets() == []
    assert rig.consumer.seeks == []
    assert min(rig.consumer.waits[-1:]) >= 1_000
    assert not rig.reader.is_caught_up()


def test_a_member_that_stays_outside_for_too_long_ends_with_a_passing_trouble() -> None:
    rig = Rig()
    rig.consumer.metadata = rig.consumer.metadata._replace(state=MemberState.REBALANCING)
    with pytest.raises(DependencyError, match="not a member"):
        [rig.offsets() for _ in range(100)]


@pytest.mark.parametrize(
    "then",
    [
        ConsumerGroupMetadata("g", -1, "", None, MemberState.UNJOINED),
        ConsumerGroupMetadata("g", 2, "me", None, MemberState.STABLE),
        ConsumerGroupMetadata("g", 1, "other", None, MemberState.STABLE),
    ],
)
def test_a_batch_of_an_ended_membership_is_lost(then: ConsumerGroupMetadata) -> None:
    rig = Rig()
    rig.gives(*raws(0, 1))
    rig.offsets()
    assert rig.reader.owned_group().member_id == "me"
    rig.consumer.metadata = then
    with pytest.raises(BatchLost):
        rig.reader.owned_group()


def test_a_membership_that_broke_while_polling_is_never_published_under() -> None:
    """Generation -1 without a member id would be accepted by a broker as: no fencing wanted."""
    rig = Rig()
    rig.consumer.metadata = ConsumerGroupMetadata("g", -1, "", None, MemberState.STABLE)
    rig.gives(*raws(0, 1))
    rig.offsets()
    with pytest.raises(BatchLost):
        rig.reader.owned_group()


def test_a_committed_offset_that_the_log_no_longer_holds_is_loud() -> None:
    rig = Rig()
    rig.raises(OffsetOutOfRangeError({P0: 12}))
    with pytest.raises(FatalError, match=r"offset-out-of-range.*t-0 at offset 12.*Nothing is skipped silently"):
        rig.offsets()


def test_lag_counts_what_is_carried_over() -> None:
    rig = Rig()
    assert rig.reader.lag() == {Partition("t", 0): 3}
    rig.gives(*raws(0, 6))
    rig.offsets(BatchLimits(records=2, octets=1_000_000, wait_s=0.05))
    assert rig.reader.lag() == {Partition("t", 0): 8}
    assert not rig.reader.is_caught_up()


def test_caught_up_is_nothing_carried_and_every_position_at_the_end() -> None:
    assert Rig().reader.is_caught_up()


def test_headers_without_a_value_become_empty() -> None:
    rig = Rig()
    rig.gives(Raw(0, b"v", 5, b"k", [("h", None), ("i", b"1")]))
    (record,) = rig.reader.poll(WIDE)
    assert record.headers == (("h", b""), ("i", b"1"))
    assert (record.timestamp_ms, record.key) == (5, b"k")
