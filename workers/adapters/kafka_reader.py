"""The reading half of the record stream: a consumer group's member that cuts batches and knows what is still ours.

Theory of operation. The group rebalances eagerly, and kafka-python lets a member rejoin only from inside `poll`. So
between two polls the assignment is fixed: a batch belongs to exactly one generation, the one that stood when its last
record was polled. `poll` notes that generation; `owned_group` hands it to the publisher only while it is still the
member's own. A member that was thrown out meanwhile has generation -1, which a broker would accept as "no fencing
wanted": such a batch must never be published, and `owned_group` raises BatchLost instead.

kafka-python 3.0.12 can lose a join that takes longer than one `poll`: where the rejoin was caused by changed metadata,
the next `poll` neither awaits it nor joins again, and stays so for good. So metadata is fetched before the first join,
a member outside the group polls patiently, and one that stays outside for too long ends with a DependencyError.

After every change of the assignment all positions are set to the committed offsets, and nothing polled before that is
handed out. kafka-python keeps the position of a partition that it is given again, also where the member was thrown out
and missed a generation in which another one read on; such a stale position would publish records twice under a valid
generation (seen). Between two polls everything polled is committed, carried over or thrown away, so going back to
the committed offsets never skips anything. What is carried over (the batch was full) is dropped with the rest.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, NoOffsetForPartitionError
from kafka.structs import MemberState

from workers.adapters.kafka_errors import NO_SUCH_OFFSET, translate
from workers.errors import BatchLost, DependencyError, FatalError
from workers.model import Partition, Record
from workers.ports import BatchLimits, Clock
from workers.settings import KafkaSettings

__all__ = ["GroupReader", "RebalanceWatch", "to_record"]

_MOST_AT_ONCE = 1_000
_TYPICAL_OCTETS = 2_048.0
_JOIN_POLL_MS = 3_000
_COMMITTED_MS = 5_000


class RebalanceWatch(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes that the assignment changed. Called on kafka-python's network thread: it counts, and does nothing else."""

    def __init__(self, told: Callable[[str, int], None]) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._epoch = 0

    @property
    def epoch(self) -> int:
        """Grows whenever the assignment changed."""
        return self._epoch

    def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Partitions are given up."""
        self._moved("revoked", len(set(revoked)))

    def on_partitions_lost(self, lost: Iterable[Any]) -> None:
        """Partitions are gone already."""
        self._moved("lost", len(set(lost)))

    def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Partitions are given."""
        self._moved("assigned", len(set(assigned)))

    def _moved(self, kind: str, partitions: int) -> None:
        with self._lock:
            self._epoch += 1
        if partitions:
            self._told(kind, partitions)


class GroupReader:
    """One member of the group. Used by one thread."""

    def __init__(self, consumer: KafkaConsumer, watch: RebalanceWatch, clock: Clock, kafka: KafkaSettings) -> None:
        self._consumer = consumer
        self._watch = watch
        self._clock = clock
        self._timeout_ms = kafka.request_timeout_ms
        self._patience_s = kafka.max_poll_interval_ms / 1000
        self._outside_since: float | None = None
        self._carry: deque[Record] = deque()
        self._epoch = watch.epoch
        self._group: Any = None
        self._must_rewind = True
        self._expected = _TYPICAL_OCTETS
        self._partitions: dict[TopicPartition, Partition] = {}

    def subscribe(self, topics: Sequence[str]) -> None:
        """Join the group for `topics`, which must exist. Raises DependencyError, FatalError."""
        self._consumer.subscribe(topics=list(topics), listener=self._watch)
        try:
            for topic in topics:
                self._consumer.partitions_for_topic(topic)
        except KafkaError as error:
            raise translate(error) from error

    def poll(self, limits: BatchLimits) -> Sequence[Record]:
        """The next batch; see `workers.ports.RecordStream.poll`."""
        batch: list[Record] = []
        octets = self._take_carried(batch, limits, 0)
        deadline = self._clock.monotonic() + limits.wait_s
        while len(batch) < limits.records and octets < limits.octets and not self._carry:
            left = deadline - self._clock.monotonic()
            if left <= 0 and batch:
                break
            had = bool(batch)
            octets = self._fetch(batch, limits, octets, max(left, 0.0))
            if self._is_enough(batch, left):
                break
            if batch and not had:
                deadline = self._clock.monotonic() + limits.wait_s
        return batch

    def _is_enough(self, batch: list[Record], left: float) -> bool:
        """Nothing came in time, or all that the brokers had came: more would be waited for at the cost of what is here.

        Under load the next batch fills while this one is worked on, and a backlog is never at its end.
        """
        return self._is_at_end() if batch else left <= 0

    def _is_at_end(self) -> bool:
        """Whether every partition has been read to the end that its last fetch told."""
        ends = [(tp, self._consumer.highwater(tp)) for tp in self._consumer.assignment()]
        return all(end is not None and self._position(tp) >= end for tp, end in ends)

    def _position(self, tp: TopicPartition) -> int:
        position: int | None = self._consumer.position(tp, timeout_ms=100)
        return -1 if position is None else position

    def _fetch(self, batch: list[Record], limits: BatchLimits, octets: int, wait_s: float) -> int:
        room = limits.records - len(batch)
        wanted = int(min(room, _MOST_AT_ONCE, (limits.octets - octets) / self._expected + 1))
        polled = self._poll_client(wait_s, wanted)
        if self._watch.epoch != self._epoch:
            self._epoch = self._watch.epoch
            self.rewind()
        if self._must_rewind:
            batch.clear()
            self._go_back()
            return 0
        if polled:
            self._carry.extend(self._records(polled))
            self._group = self._consumer.group_metadata()
        return self._take_carried(batch, limits, octets)

    def _poll_client(self, wait_s: float, wanted: int) -> Mapping[TopicPartition, list[Any]]:
        wait_ms = max(int(wait_s * 1000), self._joining_wait_ms())
        try:
            polled: Mapping[TopicPartition, list[Any]] = self._consumer.poll(wait_ms, max_records=wanted)
        except NoOffsetForPartitionError as error:
            # The group never committed here: begin with the oldest record. A committed offset never comes this way.
            self._consumer.seek_to_beginning(*error.args[0])
            return {}
        except NO_SUCH_OFFSET as error:
            raise FatalError("offset-out-of-range", _out_of_range(error)) from error
        except KafkaError as error:
            translated = translate(error)
            if isinstance(translated, DependencyError):
                return {}
            raise translated from error
        return polled

    def _joining_wait_ms(self) -> int:
        """How long a poll must wait at least, so that a join under way is not abandoned: 0 once it is done."""
        now = self._clock.monotonic()
        if self._consumer.group_metadata().state == MemberState.STABLE:
            self._outside_since = None
            return 0
        self._outside_since = now if self._outside_since is None else self._outside_since
        if now - self._outside_since > self._patience_s:
            raise DependencyError("kafka", f"not a member of the group for {self._patience_s:.0f} s")
        return _JOIN_POLL_MS

    def _records(self, polled: Mapping[TopicPartition, list[Any]]) -> list[Record]:
        records = [to_record(self._partition(tp), raw) for tp, raws in polled.items() for raw in raws]
        octets = sum(len(r.value) for r in records if r.value)
        self._expected = max(1.0, (self._expected + octets / len(records)) / 2)
        return records

    def _partition(self, tp: TopicPartition) -> Partition:
        known = self._partitions.get(tp)
        if known is None:
            known = self._partitions[tp] = Partition(tp.topic, tp.partition)
        return known

    def _take_carried(self, batch: list[Record], limits: BatchLimits, octets: int) -> int:
        carry = self._carry
        while carry and len(batch) < limits.records:
            size = len(carry[0].value or b"")
            if batch and octets + size > limits.octets:
                break
            batch.append(carry.popleft())
            octets += size
        return octets

    def owned_group(self) -> Any:
        """The group membership under which the batch in hand was polled.

        Raises BatchLost where that membership has ended.
        """
        now, then = self._consumer.group_metadata(), self._group
        mine = then is not None and then.generation_id > 0 and then.member_id
        if not mine or now.generation_id != then.generation_id or now.member_id != then.member_id:
            raise BatchLost("the group moved on while the batch was in hand")
        if self._watch.epoch != self._epoch:
            raise BatchLost("the partitions were given up while the batch was in hand")
        return then

    def rewind(self) -> None:
        """Drop what is carried; the next poll goes back to the committed offsets before it hands out anything."""
        self._carry.clear()
        self._group = None
        self._must_rewind = True

    def _go_back(self) -> None:
        """Set every position to the committed offset; where that cannot be had now, the next poll tries again."""
        if self._consumer.group_metadata().state != MemberState.STABLE:
            return
        try:
            for tp in self._consumer.assignment():
                # Waits for a transaction of the partition's last owner that is not decided yet (KIP-447).
                committed = self._consumer.committed(tp, timeout_ms=_COMMITTED_MS)
                if committed is None:
                    self._consumer.seek_to_beginning(tp)
                else:
                    self._consumer.seek(tp, committed)
        except KafkaError as error:
            translated = translate(error)
            if not isinstance(translated, DependencyError):
                raise translated from error
        else:
            self._must_rewind = False

    def is_caught_up(self) -> bool:
        """See `workers.ports.RecordStream.is_caught_up`: nothing carried, and no partition has more to give."""
        if self._carry or self._must_rewind or self._consumer.group_metadata().state != MemberState.STABLE:
            return False
        assigned = list(self._consumer.assignment())
        try:
            ends = self._consumer.end_offsets(assigned) if assigned else {}
            return all((self._consumer.position(tp, timeout_ms=1_000) or 0) >= end for tp, end in ends.items())
        except (KafkaError, AssertionError):
            return False

    def lag(self) -> Mapping[Partition, int]:
        """See `workers.ports.RecordStream.lag`. Asks nobody: the brokers tell the log's end with every fetch."""
        carried: dict[Partition, int] = {}
        for record in self._carry:
            carried.setdefault(record.partition, record.offset)
        lags: dict[Partition, int] = {}
        for tp in self._consumer.assignment():
            end = self._consumer.highwater(tp)
            partition = self._partition(tp)
            at = carried.get(partition)
            if at is None and end is not None:
                at = self._consumer.position(tp, timeout_ms=100)
            if end is not None and at is not None:
                lags[partition] = max(0, end - at)
        return lags

    def commit(self, offsets: Mapping[TopicPartition, Any]) -> None:
        """Commit `offsets` by the consumer itself. Raises kafka-python's errors: the publisher translates them."""
        self._consumer.commit(dict(offsets), timeout_ms=self._timeout_ms)

    def close(self) -> None:
        """Leave the group, within a few seconds; a broker that does not answer finds out by itself."""
        with suppress(KafkaError):
            self._consumer.close(autocommit=False, timeout_ms=min(self._timeout_ms, 5_000))


def to_record(partition: Partition, raw: Any) -> Record:
    """A polled record in our words. A header without a value becomes one with an empty value."""
    headers = tuple((name, value or b"") for name, value in raw.headers) if raw.headers else ()
    return Record(
        partition=partition,
        offset=raw.offset,
        timestamp_ms=raw.timestamp,
        key=raw.key,
        value=raw.value,
        headers=headers,
    )


def _out_of_range(error: Exception) -> str:
    places = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    named = ", ".join(f"{tp.topic}-{tp.partition} at offset {offset}" for tp, offset in places.items())
    return (
        f"the committed position is no longer in the log ({named or error}): the records between were deleted before"
        " they were read (retention), or the topic was made anew. Nothing is skipped silently: decide where to go on"
        " and set the group's offsets there"
    )
