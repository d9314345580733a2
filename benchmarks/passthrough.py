"""Contender (a): kafka-python's plain consume-and-produce loop with transactions. The yardstick; reads and judges nothing.

Usage: python -m benchmarks.passthrough BOOTSTRAP SOURCE OUTPUT COUNT BATCH
"""

from __future__ import annotations

import sys
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata

__all__ = ["pass_through"]


def pass_through(bootstrap: str, source: str, output: str, count: int, batch: int) -> None:
    """Copies `count` records in transactions of up to `batch` records."""
    producer, consumer = _producer(bootstrap, f"bench-{output}"), _consumer(bootstrap, source, f"bench-{output}")
    producer.init_transactions()
    done = 0
    while done < count:
        polled = consumer.poll(timeout_ms=200, max_records=batch)
        if polled:
            done += _copy(producer, consumer, polled, output)
    consumer.close()
    producer.close(timeout=10)


def _copy(producer: Any, consumer: Any, polled: dict[Any, list[Any]], output: str) -> int:
    producer.begin_transaction()
    offsets = {}
    for partition, records in polled.items():
        for record in records:
            producer.send(output, record.value, key=record.key)
        offsets[partition] = OffsetAndMetadata(records[-1].offset + 1, "", -1)
    producer.send_offsets_to_transaction(offsets, consumer.group_metadata())
    producer.commit_transaction()
    return sum(len(records) for records in polled.values())


def _producer(bootstrap: str, name: str) -> Any:
    return KafkaProducer(
        bootstrap_servers=bootstrap,
        transactional_id=name,
        acks="all",
        compression_type="lz4",
        linger_ms=5,
        batch_size=1 << 18,
    )


def _consumer(bootstrap: str, source: str, group: str) -> Any:
    return KafkaConsumer(
        source,
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_poll_records=10_000,
    )


if __name__ == "__main__":
    pass_through(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
