"""The port RecordStream on kafka-python: exactly once by transactions, or at least once. One class each.

Exactly once: the outputs of a batch and its input offsets, with the group's membership (KIP-447), go into one
transaction. Whatever goes wrong in a transaction, the producer is thrown away and a new one is built under the same
transactional id: that raises the epoch, aborts what was left open, and makes a delayed request of the old producer
harmless. So no uncertain transaction is ever continued, and none is aborted by a client call that may hang.

Nothing here decides what a record means, and nothing is retried here but the building of producers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kafka import KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError

from workers.adapters.kafka_clients import build_consumer, build_producer, consumer_options, producer_options
from workers.adapters.kafka_errors import translate, translate_publish
from workers.adapters.kafka_reader import GroupReader, RebalanceWatch
from workers.adapters.kafka_sending import send_all
from workers.errors import BatchLost, DependencyError, FatalError
from workers.model import OutgoingRecord, Partition, Record
from workers.ports import BatchLimits, Clock, Telemetry
from workers.settings import KafkaSettings

__all__ = ["AtLeastOnceStream", "ExactlyOnceStream", "open_stream"]

_LOST_IN_A_ROW = 10
MakeProducer = Callable[[], KafkaProducer]


class _Stream(ABC):
    """What both guarantees share: the reader, and a producer that is replaced after any trouble."""

    def __init__(self, reader: GroupReader, make_producer: MakeProducer, telemetry: Telemetry, flush_s: float) -> None:
        self._reader = reader
        self._make_producer = make_producer
        self._telemetry = telemetry
        self._flush_s = flush_s
        self._producer: KafkaProducer | None = make_producer()
        self._lost_in_a_row = 0

    def poll(self, limits: BatchLimits) -> Sequence[Record]:
        """See `workers.ports.RecordStream.poll`."""
        return self._reader.poll(limits)

    def publish(self, outputs: Sequence[OutgoingRecord], offsets: Mapping[Partition, int]) -> None:
        """See `workers.ports.RecordStream.publish`."""
        group = self._owned_group()
        producer = self._producer or self._replace_producer()
        positions = {
            TopicPartition(partition.topic, partition.number): OffsetAndMetadata(offset, "", -1)
            for partition, offset in offsets.items()
        }
        try:
            self._publish(producer, outputs, positions, group)
        except KafkaError as error:
            self._discard_producer()
            translated = translate_publish(error)
            if isinstance(translated, BatchLost):
                self._count_lost(translated)
            raise translated from error
        self._lost_in_a_row = 0
        self._telemetry.add("transactions_total", 1, "committed")

    def _owned_group(self) -> Any:
        try:
            return self._reader.owned_group()
        except BatchLost:
            self._telemetry.add("transactions_total", 1, "lost")
            raise

    @abstractmethod
    def _publish(
        self, producer: KafkaProducer, outputs: Sequence[OutgoingRecord], positions: Mapping[Any, Any], group: Any
    ) -> None:
        """Publish and commit. Raises kafka-python's errors."""

    def _send(self, producer: KafkaProducer, outputs: Sequence[OutgoingRecord]) -> list[Any]:
        return send_all(producer, outputs)

    def _count_lost(self, error: BatchLost) -> None:
        self._telemetry.add("transactions_total", 1, "aborted")
        self._lost_in_a_row += 1
        if self._lost_in_a_row >= _LOST_IN_A_ROW:
            raise FatalError("publishing-fails", f"{_LOST_IN_A_ROW} batches in a row were refused, the last: {error}")

    def _discard_producer(self) -> None:
        if self._producer is not None:
            _close_producer(self._producer, 0)
            self._producer = None

    def _replace_producer(self) -> KafkaProducer:
        self._producer = self._make_producer()
        return self._producer

    def rewind(self) -> None:
        """See `workers.ports.RecordStream.rewind`."""
        # The new producer first: it ends the transaction left open, and only then do the committed offsets stand.
        if self._producer is None:
            self._replace_producer()
        self._reader.rewind()

    def is_caught_up(self) -> bool:
        """See `workers.ports.RecordStream.is_caught_up`."""
        return self._reader.is_caught_up()

    def lag(self) -> Mapping[Partition, int]:
        """See `workers.ports.RecordStream.lag`."""
        return self._reader.lag()

    def close(self) -> None:
        """See `workers.ports.RecordStream.close`."""
        if self._producer is not None:
            _close_producer(self._producer, 2)
        self._reader.close()


class ExactlyOnceStream(_Stream):
    """Outputs and offsets become visible together, once, or not at all."""

    def _publish(
        self, producer: KafkaProducer, outputs: Sequence[OutgoingRecord], positions: Mapping[Any, Any], group: Any
    ) -> None:
        producer.begin_transaction()
        futures = self._send(producer, outputs)
        # Flushed and checked before the commit is asked for: kafka-python 3.0.12 answers a commit with success when a
        # record's failure made it raise its epoch meanwhile, although the broker has aborted the transaction.
        producer.flush(self._flush_s)
        _check(futures)
        producer.send_offsets_to_transaction(positions, group)
        producer.commit_transaction()


class AtLeastOnceStream(_Stream):
    """Every output is acknowledged before the offsets are committed: a crash between the two repeats a batch."""

    def _publish(
        self, producer: KafkaProducer, outputs: Sequence[OutgoingRecord], positions: Mapping[Any, Any], group: Any
    ) -> None:
        del group  # the consumer commits under its own membership
        futures = self._send(producer, outputs)
        producer.flush(self._flush_s)
        _check(futures)
        self._reader.commit(positions)


def _check(futures: Sequence[Any]) -> None:
    for future in futures:
        if future.exception is not None:
            raise future.exception
        if not future.is_done:
            raise KafkaTimeoutError("a record was not acknowledged in time")


def _close_producer(producer: KafkaProducer, timeout_s: float) -> None:
    try:
        producer.close(timeout=timeout_s)
    except KafkaError:
        # Records that were never acknowledged make `close` give up before it stops its thread (3.0.12). Whatever that
        # thread still sends is under an epoch that the successor ends; stopped it must be, or each loss leaks a thread.
        producer._sender.force_close()  # noqa: SLF001 - no public way leads there
        producer._sender.join(timeout_s + 1)  # noqa: SLF001


def open_stream(
    kafka: KafkaSettings, sources: Sequence[str], *, transactional_id: str | None, telemetry: Telemetry, clock: Clock
) -> ExactlyOnceStream | AtLeastOnceStream:
    """Join the group and open the producer: exactly once with a transactional id, at least once without.

    Raises DependencyError where no broker answers; FatalError; ConfigError.
    """
    watch = RebalanceWatch(lambda kind, _: telemetry.add("rebalances_total", 1, kind))
    consumer = build_consumer(consumer_options(kafka, group=kafka.group))
    reader = GroupReader(consumer, watch, clock, kafka)
    reader.subscribe(sources)
    kind = AtLeastOnceStream if transactional_id is None else ExactlyOnceStream
    flush_s = kafka.transaction_timeout_ms / 1000
    return kind(reader, lambda: _ready_producer(kafka, transactional_id), telemetry, flush_s)


def _ready_producer(kafka: KafkaSettings, transactional_id: str | None) -> KafkaProducer:
    producer = build_producer(producer_options(kafka, transactional_id=transactional_id))
    if transactional_id is None:
        return producer
    try:
        producer.init_transactions()
        _end_what_is_pending(producer, kafka.group)
    except KafkaError as error:
        _close_producer(producer, 0)
        translated = translate(error)
        raise (
            DependencyError("kafka", str(translated)) if isinstance(translated, BatchLost) else translated
        ) from error
    return producer


def _end_what_is_pending(producer: KafkaProducer, group: str) -> None:
    """Write an abort marker of this producer to the group's offsets.

    Offsets of a transaction that a broker's restart cut short stayed pending on Apache Kafka 4.3 for minutes, although the
    transaction had been aborted (seen): nobody in the group could read on, since stable offsets are waited for. A marker
    of the same producer id settles them. It costs a few requests, once for each producer that is built.
    """
    producer.begin_transaction()
    producer.send_offsets_to_transaction({}, group)
    producer.abort_transaction()
