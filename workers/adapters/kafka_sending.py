"""Hands a batch of records to kafka-python's producer, at half the cost of calling its `send` for each.

`send` checks every header's type, encodes every header's name twice to add up sizes, and asks the metadata three times;
with the eight headers of an event that was a third of the worker's time (seen). The way below does what `send` does
for the records that make up a batch, keyed ones of ordinary size, on the same parts of the producer, and leaves
everything else to `send`. Those parts are not public: the way is taken only on the versions whose source it was
written from, and a test holds both ways to the same outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka import __version__ as kafka_version

from workers.adapters.kafka_partitioner import murmur2
from workers.model import OutgoingRecord

__all__ = ["send_all", "send_each"]

_KNOWN = "3.0."
# Larger records are rare, and `send` weighs them exactly against the largest request.
_ORDINARY = 256 * 1024


def send_each(producer: KafkaProducer, outputs: Sequence[OutgoingRecord]) -> list[Any]:
    """The futures of `outputs`, sent by the producer's public method. Raises kafka-python's errors."""
    return [_send(producer, output) for output in outputs]


def _send(producer: KafkaProducer, output: OutgoingRecord) -> Any:
    return producer.send(output.topic, output.value, output.key, list(output.headers))


def _send_batch(producer: KafkaProducer, outputs: Sequence[OutgoingRecord]) -> list[Any]:
    append, wakeup = producer._accumulator.append, producer._sender.wakeup  # noqa: SLF001 - see the module
    enter = _enter(producer)
    places: dict[str, list[TopicPartition] | None] = {}
    futures: list[Any] = []
    for output in outputs:
        topic, key, value, headers = output.topic, output.key, output.value, output.headers
        if topic not in places:
            places[topic] = _places(producer, topic)
        known = places[topic]
        if known is None or not key or value is None or _octets(key, value, headers) > _ORDINARY:
            futures.append(_send(producer, output))
            continue
        place = known[(murmur2(key) & 0x7FFFFFFF) % len(known)]
        enter(place)
        future, is_full, is_new, _ = append(place, None, key, value, headers)
        futures.append(future)
        if is_full or is_new:
            wakeup()
    return futures


def _enter(producer: KafkaProducer) -> Any:
    """What must be told before a record is appended: the transaction, that the partition takes part; else nobody."""
    transactions = producer._transaction_manager  # noqa: SLF001
    if transactions is not None and transactions.is_transactional():
        return transactions.maybe_add_partition_to_transaction
    return lambda _: None


def _places(producer: KafkaProducer, topic: str) -> list[TopicPartition] | None:
    """The topic's partitions, None while they are not known: then `send` waits for them."""
    numbers = producer._metadata.partitions_for_topic(topic)  # noqa: SLF001
    return [TopicPartition(topic, number) for number in sorted(numbers)] if numbers else None


def _octets(key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]) -> int:
    return len(key) + len(value) + sum([len(header[1]) for header in headers])


send_all = _send_batch if kafka_version.startswith(_KNOWN) else send_each
"""The futures of `outputs`, in order. Raises kafka-python's errors."""
