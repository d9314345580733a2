"""The broker side of a measurement: topics, loading, and reading from outside how fast a contender published."""

from __future__ import annotations

import time
from collections.abc import Sequence

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

__all__ = ["create_topics", "load_topic", "middle_rate", "output_times"]

PARTITIONS = 4


def create_topics(bootstrap: str, names: Sequence[str]) -> None:
    """Topics of four partitions each, stamped by the broker: a contender may carry its source's times on."""
    stamped = {"message.timestamp.type": "LogAppendTime"}
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=stamped) for name in names])
    finally:
        admin.close()


def load_topic(bootstrap: str, topic: str, values: Sequence[bytes]) -> None:
    """Every value once, spread over the partitions in turn."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type="lz4", linger_ms=20, batch_size=1 << 18)
    try:
        waiting = []
        for at, value in enumerate(values):
            waiting.append(producer.send(topic, value, key=str(at).encode(), partition=at % PARTITIONS))
            if len(waiting) >= 5000:
                _settle(waiting)
        _settle(waiting)
    finally:
        producer.close(timeout=10)


def _settle(waiting: list[object]) -> None:
    for future in waiting:
        future.get(60)  # type: ignore[attr-defined]
    waiting.clear()


def output_times(bootstrap: str, topic: str, expected: int, timeout_s: float = 120.0) -> list[int]:
    """The publishing times (ms, as the broker stamped them) of what `read_committed` readers see."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
        consumer.seek_to_beginning()
        times: list[int] = []
        end = time.monotonic() + timeout_s
        while len(times) < expected and time.monotonic() < end:
            for records in consumer.poll(timeout_ms=500, max_records=10_000).values():
                times += [record.timestamp for record in records]
        return sorted(times)
    finally:
        consumer.close()


def middle_rate(times: Sequence[int]) -> float:
    """Records a second between the first and the last tenth: start-up and the tail do not count."""
    tenth = len(times) // 10
    first, last = times[tenth], times[-tenth - 1]
    return (len(times) - 2 * tenth) / max(0.001, (last - first) / 1000)
