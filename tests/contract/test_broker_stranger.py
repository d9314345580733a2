"""A stranger's client (librdkafka) on both brokers: the embedded one speaks Kafka, not a private dialect."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.brokers import Broker
from tests.support.kafka_clients import admin, producer

WAIT_S = 20.0


@contextmanager
def stranger(broker: Broker, topic: str, **config: Any) -> Iterator[Consumer]:
    defaults = {
        "bootstrap.servers": broker.bootstrap,
        "group.id": broker.unique("stranger"),
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "session.timeout.ms": 6000,
        "fetch.wait.max.ms": 100,
    }
    client = Consumer(defaults | config)
    client.subscribe([topic])
    try:
        yield client
    finally:
        client.close()


def drain(client: Consumer, count: int) -> list[bytes]:
    found: list[bytes] = []
    deadline = time.monotonic() + WAIT_S
    while len(found) < count and time.monotonic() < deadline:
        for message in client.consume(500, 0.2):
            assert message.error() is None, message.error()
            found.append(message.value() or b"")
    return found


def silence(client: Consumer) -> bool:
    return client.consume(10, 0.5) == []


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_it_reads_what_it_wrote(any_broker: Broker, compression: str) -> None:
    topic = any_broker.new_topic()
    client = Producer(
        {"bootstrap.servers": any_broker.bootstrap, "enable.idempotence": True, "compression.type": compression}
    )
    for number in range(200):
        client.produce(topic, b"%d" % number * 20, headers=[("h", b"1")])
    assert client.flush(WAIT_S) == 0
    with stranger(any_broker, topic) as reader:
        assert drain(reader, 200) == [b"%d" % number * 20 for number in range(200)]


def test_it_sees_committed_records_only(any_broker: Broker) -> None:
    topic = any_broker.new_topic()
    with producer(any_broker, transactional_id=any_broker.unique("txn"), compression_type="lz4") as client:
        client.init_transactions()
        for round_number in range(6):
            client.begin_transaction()
            for number in range(50):
                client.send(topic, value=b"%d-%d" % (round_number, number))
            client.flush(timeout=10)
            client.abort_transaction() if round_number % 2 else client.commit_transaction()
    with stranger(any_broker, topic) as reader:
        assert drain(reader, 150) == [
            b"%d-%d" % (round_number, number) for round_number in (0, 2, 4) for number in range(50)
        ]
        assert silence(reader)


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_it_commits_and_resumes_in_a_group(any_broker: Broker, strategy: str) -> None:
    topic = any_broker.new_topic(partitions=2)
    config = {"group.id": any_broker.unique("group"), "partition.assignment.strategy": strategy}
    with producer(any_broker) as client:
        for number in range(20):
            client.send(topic, value=b"%d" % number)
        client.flush(timeout=10)
    with stranger(any_broker, topic, **config) as first:
        assert len(drain(first, 20)) == 20
        first.commit(asynchronous=False)
    with stranger(any_broker, topic, **config) as second:
        assert silence(second)
        with producer(any_broker) as client:
            client.send(topic, value=b"new").get(timeout=10)
        assert drain(second, 1) == [b"new"]
        committed = second.committed([TopicPartition(topic, 0), TopicPartition(topic, 1)], timeout=5)
        assert sum(place.offset for place in committed) == 20


def transactional(broker: Broker, name: str) -> Producer:
    client = Producer(
        {"bootstrap.servers": broker.bootstrap, "transactional.id": name, "transaction.timeout.ms": 20_000}
    )
    client.init_transactions(WAIT_S)
    return client


def test_its_transactions_carry_offsets(any_broker: Broker) -> None:
    source, target = any_broker.new_topic(), any_broker.new_topic()
    with producer(any_broker) as client:
        client.send(source, value=b"in").get(timeout=10)
    writer = transactional(any_broker, any_broker.unique("txn"))
    with stranger(any_broker, source) as reader, stranger(any_broker, target) as observer:
        assert drain(reader, 1) == [b"in"]
        for commits in (False, True):
            writer.begin_transaction()
            writer.produce(target, b"out-%d" % commits)
            writer.send_offsets_to_transaction(
                reader.position(reader.assignment()), reader.consumer_group_metadata(), WAIT_S
            )
            writer.commit_transaction(WAIT_S) if commits else writer.abort_transaction(WAIT_S)
        assert drain(observer, 1) == [b"out-1"]
        assert [place.offset for place in reader.committed(reader.assignment(), timeout=10)] == [1]


def test_its_zombies_are_fenced(any_broker: Broker) -> None:
    topic, name = any_broker.new_topic(), any_broker.unique("txn")
    zombie = transactional(any_broker, name)
    zombie.begin_transaction()
    zombie.produce(topic, b"zombie")
    zombie.flush(WAIT_S)
    heir = transactional(any_broker, name)
    with pytest.raises(KafkaException) as caught:
        zombie.commit_transaction(WAIT_S)
    assert caught.value.args[0].fatal()
    heir.begin_transaction()
    heir.produce(topic, b"heir")
    heir.commit_transaction(WAIT_S)
    with stranger(any_broker, topic) as reader:
        assert drain(reader, 1) == [b"heir"]


def test_it_administers_topics(any_broker: Broker) -> None:
    name = any_broker.unique("topic")
    operator = AdminClient({"bootstrap.servers": any_broker.bootstrap})
    operator.create_topics([NewTopic(name, 3, 1)])[name].result(WAIT_S)
    with admin(any_broker) as waiting:
        waiting.wait_for_topics([name], timeout_ms=15_000)  # Apache Kafka answers before every leader is known
    assert len(operator.list_topics(timeout=WAIT_S).topics[name].partitions) == 3
    with stranger(any_broker, name) as reader:
        places = [TopicPartition(name, 0, 1000)]
        assert reader.get_watermark_offsets(places[0], timeout=WAIT_S) == (0, 0)
        assert reader.offsets_for_times(places, timeout=WAIT_S)[0].offset == -1
