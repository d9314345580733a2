"""Reading and writing topics from the command line: one topic at a time, outside any group. No part of the stream.

Readers see committed records only. Writers bound what is in flight, since kafka-python's producer does not, and check
that every record was acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError

from workers.adapters.kafka_admin import missing_topics
from workers.adapters.kafka_clients import build_consumer, build_producer, consumer_options, producer_options
from workers.adapters.kafka_errors import translate
from workers.adapters.kafka_reader import to_record
from workers.errors import FatalError
from workers.model import OutgoingRecord, Partition, Record
from workers.settings import KafkaSettings

__all__ = ["TopicWriter", "open_reader", "open_writer", "read_whole_topic"]

_POLL_MS = 250
_POLL_RECORDS = 500
_FLUSH_EVERY = 2_000
_FLUSH_OCTETS = 16 * 1024 * 1024


def read_whole_topic(kafka: KafkaSettings, topic: str) -> Iterator[Record]:
    """Every committed record that is in `topic` now, per partition in offset order.

    Raises FatalError where the topic does not exist; DependencyError; ConfigError.
    """
    return open_reader(kafka, topic, from_beginning=True, follow=False)


def open_reader(kafka: KafkaSettings, topic: str, *, from_beginning: bool, follow: bool) -> Iterator[Record]:
    """The records of `topic`: from the oldest or from what comes next, to the end as it is now or for ever.

    Raises as `read_whole_topic`, at the first record asked for.
    """
    consumer = build_consumer(consumer_options(kafka, group=None))
    try:
        places = _assign(consumer, topic, from_beginning=from_beginning)
        yield from _follow(consumer, places) if follow else _to_the_end(consumer, places)
    except KafkaError as error:
        raise translate(error) from error
    finally:
        consumer.close(autocommit=False, timeout_ms=2_000)


def _assign(consumer: KafkaConsumer, topic: str, *, from_beginning: bool) -> dict[TopicPartition, Partition]:
    if topic not in consumer.topics():
        raise FatalError("missing-topic", f"topic {topic} does not exist. Create it with: shirase topics apply")
    numbers = consumer.partitions_for_topic(topic) or set()
    places = {TopicPartition(topic, number): Partition(topic, number) for number in sorted(numbers)}
    consumer.assign(list(places))
    start = consumer.beginning_offsets(list(places)) if from_beginning else consumer.end_offsets(list(places))
    for place, offset in start.items():
        consumer.seek(place, offset)
    return places


def _follow(consumer: KafkaConsumer, places: dict[TopicPartition, Partition]) -> Iterator[Record]:
    while True:
        yield from _polled(consumer, places)


def _to_the_end(consumer: KafkaConsumer, places: dict[TopicPartition, Partition]) -> Iterator[Record]:
    # For a reader of committed records the end is where the oldest open transaction begins.
    ends: dict[TopicPartition, int] = consumer.end_offsets(list(places))
    while any((consumer.position(place) or 0) < end for place, end in ends.items()):
        for record in _polled(consumer, places):
            if record.offset < ends[TopicPartition(record.partition.topic, record.partition.number)]:
                yield record


def _polled(consumer: KafkaConsumer, places: dict[TopicPartition, Partition]) -> Iterator[Record]:
    polled: dict[TopicPartition, list[Any]] = consumer.poll(_POLL_MS, max_records=_POLL_RECORDS)
    for place, raws in polled.items():
        for raw in raws:
            yield to_record(places[place], raw)


class TopicWriter:
    """Publishes records to one topic, and knows that each arrived."""

    def __init__(self, producer: KafkaProducer, flush_s: float) -> None:
        self._producer = producer
        self._flush_s = flush_s
        self._futures: list[Any] = []
        self._octets = 0

    def write(self, records: Sequence[OutgoingRecord]) -> None:
        """Publish `records`. On return some may still be on their way; `close` waits for all.

        Raises FatalError where a record is refused; DependencyError.
        """
        for record in records:
            try:
                future = self._producer.send(record.topic, record.value, record.key, list(record.headers))
            except KafkaError as error:
                raise translate(error) from error
            self._futures.append(future)
            self._octets += len(record.value or b"")
            if len(self._futures) >= _FLUSH_EVERY or self._octets >= _FLUSH_OCTETS:
                self.flush()

    def flush(self) -> None:
        """Wait until every record is acknowledged. Raises as `write`."""
        futures, self._futures, self._octets = self._futures, [], 0
        try:
            self._producer.flush(self._flush_s)
            for future in futures:
                if future.exception is not None:
                    raise future.exception
                if not future.is_done:
                    raise KafkaTimeoutError("a record was not acknowledged in time")
        except KafkaError as error:
            raise translate(error) from error

    def close(self) -> None:
        """Close the client without waiting for what is on its way."""
        try:
            self._producer.close(timeout=2)
        except KafkaError:
            return  # the caller has the error that matters from `flush`

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self.close()


def open_writer(kafka: KafkaSettings, topic: str) -> TopicWriter:
    """A writer for `topic`, to be used as a context manager: leaving it waits for every acknowledgement.

    Raises FatalError where the topic does not exist; DependencyError; ConfigError.
    """
    if missing_topics(kafka, [topic]):
        raise FatalError("missing-topic", f"topic {topic} does not exist. Create it with: shirase topics apply")
    producer = build_producer(producer_options(kafka, transactional_id=None))
    return TopicWriter(producer, kafka.request_timeout_ms / 1000)
