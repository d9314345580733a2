"""One partition of the alerter's fold on kafka-python: its state in a compacted topic, written by a fenced transaction.

Each partition has a transactional id of its own. Whoever opens the lane raises that id's epoch: the last owner, however
long it slept, can commit nothing any more, and what it left open is aborted before the call returns. So the state is
read only after nobody else can change it. Alerts, rows and the position go into one transaction; the position makes a
repeated delivery of the input harmless, whatever the input's consumer group believes to have committed.

Nothing here decides what is an alert. After any error the producer is thrown away with the lane.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError
from msgspec import Struct

from workers.adapters.kafka_clients import build_consumer, build_producer, consumer_options, producer_options
from workers.adapters.kafka_errors import translate, translate_publish
from workers.adapters.kafka_reader import to_record
from workers.adapters.kafka_sending import send_all
from workers.errors import BatchLost, DependencyError, FatalError, ShiraseError
from workers.model import OutgoingRecord, Partition, Record
from workers.ports import LaneCommit
from workers.settings import KafkaSettings

__all__ = ["KafkaLane", "KafkaOutlet", "LanePlace"]

_POLL_MS = 250
_POLL_RECORDS = 2_000
_CLOSE_S = 2.0
POSITION = b"position"
_encode = msgspec.json.Encoder().encode


class LanePlace(Struct, frozen=True, kw_only=True):
    """Where a lane is: the group it works for, its topics, and the partition's number."""

    group: str
    stories: str
    state: str
    number: int

    @property
    def transactional_id(self) -> str:
        """The id under which the lane's owner writes."""
        return f"{self.group}-fold-{self.number}"


class _Position(Struct, frozen=True):
    offset: int


class KafkaLane:
    """See `workers.ports.Lane`."""

    def __init__(self, kafka: KafkaSettings, place: LanePlace) -> None:
        """Take the lane from whoever holds it.

        Raises DependencyError where no broker answers; FatalError; ConfigError.
        """
        self._kafka = kafka
        self._place = place
        self._flush_s = kafka.transaction_timeout_ms / 1000
        self._producer: KafkaProducer = build_producer(producer_options(kafka, transactional_id=place.transactional_id))
        try:
            self._producer.init_transactions()
        except KafkaError as error:
            self.close()
            raise _as_dependency(error) from error

    def restore(self) -> tuple[Mapping[str, bytes], int]:
        """See the port."""
        rows: dict[str, bytes] = {}
        position: int | None = None
        with _Reading(self._kafka, self._place.state, self._place.number) as reading:
            for raw in reading.records(*reading.bounds()):
                if raw.key == POSITION:
                    position = msgspec.json.decode(raw.value, type=_Position).offset
                elif raw.value is None:
                    rows.pop(raw.key.decode(), None)
                else:
                    rows[raw.key.decode()] = raw.value
        if position is None:
            with _Reading(self._kafka, self._place.stories, self._place.number) as reading:
                position = reading.bounds()[0]
        return rows, position

    def read(self, start: int, end: int) -> Sequence[Record]:
        """See the port."""
        place = Partition(self._place.stories, self._place.number)
        with _Reading(self._kafka, place.topic, place.number) as reading:
            oldest, _ = reading.bounds()
            if oldest > start:
                detail = f"{place.topic}-{place.number} begins at {oldest}, and the fold had come to {start} only"
                raise FatalError("stories-deleted", f"{detail}: digests were deleted before they were folded")
            return [to_record(place, raw) for raw in reading.records(start, end)]

    def commit(self, commit: LaneCommit) -> None:
        """See the port."""
        try:
            self._commit(commit)
        except KafkaError as error:
            raise translate_publish(error) from error

    def _commit(self, commit: LaneCommit) -> None:
        producer, state, number = self._producer, self._place.state, self._place.number
        producer.begin_transaction()
        futures = send_all(producer, commit.outputs)
        for key, value in commit.rows.items():
            futures.append(producer.send(state, value, key.encode(), partition=number))
        futures.append(producer.send(state, _encode(_Position(commit.position)), POSITION, partition=number))
        # Flushed and checked before the commit: see `workers.adapters.kafka_stream.ExactlyOnceStream`.
        _flush(producer, futures, self._flush_s)
        producer.commit_transaction()

    def close(self) -> None:
        """See the port."""
        _close(self._producer)


class KafkaOutlet:
    """See `workers.ports.Outlet`: an idempotent producer without transactions."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Raises DependencyError where no broker answers; FatalError; ConfigError."""
        self._flush_s = kafka.transaction_timeout_ms / 1000
        self._producer: KafkaProducer = build_producer(producer_options(kafka, transactional_id=None))

    def publish(self, outputs: Sequence[OutgoingRecord]) -> None:
        """See the port."""
        try:
            _flush(self._producer, send_all(self._producer, outputs), self._flush_s)
        except KafkaError as error:
            raise _as_dependency(error) from error

    def close(self) -> None:
        """See the port."""
        _close(self._producer)


class _Reading:
    """A reader of committed records in one partition, outside any group."""

    def __init__(self, kafka: KafkaSettings, topic: str, number: int) -> None:
        self._consumer: KafkaConsumer = build_consumer(consumer_options(kafka, group=None))
        self._place = TopicPartition(topic, number)

    def __enter__(self) -> Self:
        self._consumer.assign([self._place])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close(autocommit=False, timeout_ms=int(_CLOSE_S * 1000))
        if isinstance(error, KafkaError):
            raise _as_dependency(error) from error

    def bounds(self) -> tuple[int, int]:
        """The oldest offset, and the one after the newest that a reader of committed records may have."""
        oldest: dict[TopicPartition, int] = self._consumer.beginning_offsets([self._place])
        newest: dict[TopicPartition, int] = self._consumer.end_offsets([self._place])
        return oldest[self._place], newest[self._place]

    def records(self, start: int, end: int) -> Iterator[Any]:
        """kafka-python's records from `start` to before `end`."""
        self._consumer.seek(self._place, start)
        while (self._consumer.position(self._place) or 0) < end:
            for raws in self._consumer.poll(_POLL_MS, max_records=_POLL_RECORDS).values():
                yield from (raw for raw in raws if raw.offset < end)


def _flush(producer: KafkaProducer, futures: Sequence[Any], within_s: float) -> None:
    producer.flush(within_s)
    for future in futures:
        if future.exception is not None:
            raise future.exception
        if not future.is_done:
            raise KafkaTimeoutError("a record was not acknowledged in time")


def _as_dependency(error: Exception) -> ShiraseError:
    """A lost batch means here: try again in a new process."""
    found = translate(error)
    return DependencyError("kafka", str(found)) if isinstance(found, BatchLost) else found


def _close(producer: KafkaProducer) -> None:
    try:
        producer.close(timeout=_CLOSE_S)
    except KafkaError:
        producer._sender.force_close()  # noqa: SLF001 - as in `workers.adapters.kafka_stream`
        producer._sender.join(_CLOSE_S + 1)  # noqa: SLF001
