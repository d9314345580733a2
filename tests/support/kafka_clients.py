"""kafka-python clients for tests: bounded waits everywhere, so that a test fails where a client would hang."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from tests.support.brokers import Broker

__all__ = ["WAIT_S", "admin", "consumer", "poll", "poll_until", "producer", "read_all", "values"]

WAIT_S = 20.0


@contextmanager
def producer(broker: Broker, **config: Any) -> Iterator[KafkaProducer]:
    """A producer that gives up after seconds, closed at the end."""
    defaults = {"max_block_ms": 15_000, "request_timeout_ms": 10_000, "delivery_timeout_ms": 15_000, "linger_ms": 5}
    client = KafkaProducer(bootstrap_servers=broker.bootstrap, **(defaults | config))
    try:
        yield client
    finally:
        client.close(timeout=2)


@contextmanager
def consumer(broker: Broker, *topics: str, **config: Any) -> Iterator[KafkaConsumer]:
    """A consumer that starts at the earliest record and commits only when told, closed at the end."""
    defaults = {
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "request_timeout_ms": 10_000,
        "session_timeout_ms": 6_000,
        "heartbeat_interval_ms": 300,
        "fetch_max_wait_ms": 100,
        "allow_auto_create_topics": False,
    }
    client = KafkaConsumer(*topics, bootstrap_servers=broker.bootstrap, **(defaults | config))
    try:
        # kafka-python 3.0.12 loses an assignment for good when it joins before it knows the topic and the poll that
        # rejoins ends between its join and its sync. Knowing the topic first avoids the second join.
        for topic in topics:
            client.partitions_for_topic(topic)
        yield client
    finally:
        client.close(autocommit=False, timeout_ms=2_000)


@contextmanager
def admin(broker: Broker) -> Iterator[KafkaAdminClient]:
    """An admin client, closed at the end."""
    client = broker.admin()
    try:
        yield client
    finally:
        client.close()


def poll(client: KafkaConsumer, count: int, seconds: float = WAIT_S) -> list[ConsumerRecord]:
    """Poll until `count` records came or the time is up; the caller judges what came."""
    records: list[ConsumerRecord] = []
    deadline = time.monotonic() + seconds
    while len(records) < count and time.monotonic() < deadline:
        for batch in client.poll(timeout_ms=200).values():
            records.extend(batch)
    return records


def poll_until(clients: list[KafkaConsumer], is_done: Any, seconds: float = WAIT_S) -> list[ConsumerRecord]:
    """Poll several consumers in turn until `is_done()`; fail when the time is up."""
    records: list[ConsumerRecord] = []
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, "the consumers did not get there in time"
        for client in clients:
            for batch in client.poll(timeout_ms=50).values():
                records.extend(batch)
    return records


def read_all(broker: Broker, topic: str, *, committed: bool = True) -> list[ConsumerRecord]:
    """Read everything a fresh reader of this isolation can see now, per partition from its start."""
    isolation = "read_committed" if committed else "read_uncommitted"
    with consumer(broker, isolation_level=isolation) as client:
        places = [TopicPartition(topic, partition) for partition in sorted(client.partitions_for_topic(topic))]
        client.assign(places)
        ends = client.end_offsets(places)
        client.seek_to_beginning(*places)
        records: list[ConsumerRecord] = []
        deadline = time.monotonic() + WAIT_S
        while any(client.position(place) < ends[place] for place in places):
            assert time.monotonic() < deadline, f"{topic} could not be read to its end {ends}"
            for batch in client.poll(timeout_ms=200).values():
                records.extend(batch)
        return records


def values(records: list[ConsumerRecord]) -> list[bytes]:
    """The values of records, in order."""
    return [record.value for record in records]
