"""Laws of transactions, on the embedded broker and on Apache Kafka: all or nothing, and no zombies."""

from __future__ import annotations

import time
from typing import Any

import pytest
from kafka import KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.errors import (
    CommitFailedError,
    InvalidProducerEpochError,
    KafkaError,
    KafkaTimeoutError,
    ProducerFencedError,
    UnstableOffsetCommitError,
)
from kafka.structs import ConsumerGroupMetadata

from tests.support.brokers import Broker
from tests.support.kafka_clients import WAIT_S, consumer, poll, poll_until, producer, read_all, values


def transactional(broker: Broker, **config: Any) -> Any:
    return producer(broker, **({"transactional_id": broker.unique("txn")} | config))


def committed_soon(client: Any, place: TopicPartition, offset: int | None) -> bool:
    """Apache Kafka writes the markers after it answered, so the offset may lag behind the commit."""
    deadline = time.monotonic() + WAIT_S
    while client.committed(place) != offset:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def visible_soon(broker: Broker, topic: str, expected: list[bytes]) -> bool:
    deadline = time.monotonic() + WAIT_S
    while values(read_all(broker, topic)) != expected:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_commit_is_visible_and_an_abort_is_not(any_broker: Broker) -> None:
    topic = any_broker.new_topic()
    with transactional(any_broker, compression_type="lz4") as client:
        client.init_transactions()
        for value, ends in ((b"a", "commit"), (b"b", "abort"), (b"c", "commit"), (b"d", "abort"), (b"e", "commit")):
            client.begin_transaction()
            client.send(topic, value=value)
            client.flush(timeout=10)
            client.commit_transaction() if ends == "commit" else client.abort_transaction()
    assert visible_soon(any_broker, topic, [b"a", b"c", b"e"])
    assert values(read_all(any_broker, topic, committed=False)) == [b"a", b"b", b"c", b"d", b"e"]


def test_an_open_transaction_holds_back_what_came_after_it(any_broker: Broker) -> None:
    topic = any_broker.new_topic()
    place = TopicPartition(topic, 0)
    with transactional(any_broker) as client, producer(any_broker) as plain:
        client.init_transactions()
        plain.send(topic, value=b"before").get(timeout=10)
        client.begin_transaction()
        client.send(topic, value=b"inside").get(timeout=10)
        plain.send(topic, value=b"after").get(timeout=10)
        assert values(read_all(any_broker, topic)) == [b"before"]
        with consumer(any_broker) as reader:
            reader.assign([place])
            assert reader.end_offsets([place])[place] == 1
        client.commit_transaction()
    assert visible_soon(any_broker, topic, [b"before", b"inside", b"after"])


@pytest.mark.parametrize("commits", [True, False])
def test_offsets_count_only_if_the_transaction_commits(any_broker: Broker, commits: bool) -> None:
    source, target, group = any_broker.new_topic(), any_broker.new_topic(), any_broker.unique("group")
    place = TopicPartition(source, 0)
    with producer(any_broker) as plain:
        plain.send(source, value=b"in").get(timeout=10)
    with transactional(any_broker) as client, consumer(any_broker, source, group_id=group) as reader:
        client.init_transactions()
        assert len(poll(reader, 1)) == 1
        client.begin_transaction()
        client.send(target, value=b"out")
        client.send_offsets_to_transaction({place: OffsetAndMetadata(1, "", -1)}, reader.group_metadata())
        client.flush(timeout=10)
        with consumer(any_broker, group_id=group, isolation_level="read_uncommitted") as observer:
            assert observer.committed(place) is None
        client.commit_transaction() if commits else client.abort_transaction()
        assert committed_soon(reader, place, 1 if commits else None)
    assert visible_soon(any_broker, target, [b"out"] if commits else [])


def test_a_careful_reader_waits_for_offsets_that_are_not_settled(any_broker: Broker) -> None:
    source, group = any_broker.new_topic(), any_broker.unique("group")
    place = TopicPartition(source, 0)
    with transactional(any_broker) as client, consumer(any_broker, group_id=group) as careful:
        client.init_transactions()
        client.begin_transaction()
        client.send_offsets_to_transaction(
            {place: OffsetAndMetadata(5, "", -1)}, ConsumerGroupMetadata(group, -1, "", None)
        )
        with pytest.raises((KafkaTimeoutError, UnstableOffsetCommitError)):
            careful.committed(place, timeout_ms=700)
        client.commit_transaction()
        assert committed_soon(careful, place, 5)


def start_transaction(broker: Broker, transactional_id: str, topic: str) -> KafkaProducer:
    client = KafkaProducer(
        bootstrap_servers=broker.bootstrap,
        transactional_id=transactional_id,
        max_block_ms=15_000,
        request_timeout_ms=10_000,
        delivery_timeout_ms=15_000,
    )
    client.init_transactions()
    client.begin_transaction()
    client.send(topic, value=b"zombie").get(timeout=10)
    return client


def test_a_newer_producer_fences_the_older_and_aborts_its_work(any_broker: Broker) -> None:
    topic, name = any_broker.new_topic(), any_broker.unique("txn")
    zombie = start_transaction(any_broker, name, topic)
    with transactional(any_broker, transactional_id=name) as client:
        client.init_transactions()
        with pytest.raises((ProducerFencedError, InvalidProducerEpochError)):
            zombie.commit_transaction()
        client.begin_transaction()
        client.send(topic, value=b"alive")
        client.commit_transaction()
    zombie.close(timeout=1)
    assert visible_soon(any_broker, topic, [b"alive"])


def test_a_stale_generation_cannot_commit_offsets_in_a_transaction(any_broker: Broker) -> None:
    source, target, group = any_broker.new_topic(), any_broker.new_topic(), any_broker.unique("group")
    place = TopicPartition(source, 0)
    with producer(any_broker) as plain:
        plain.send(source, value=b"in").get(timeout=10)
    quick = {
        "group_id": group,
        "max_poll_interval_ms": 1_000,
        "session_timeout_ms": 1_000,
        "heartbeat_interval_ms": 200,
    }
    with transactional(any_broker) as client, consumer(any_broker, source, **quick) as stale:
        client.init_transactions()
        assert len(poll(stale, 1)) == 1
        metadata = stale.group_metadata()
        with consumer(any_broker, source, **quick) as heir:
            poll_until([heir], lambda: bool(heir.assignment()))
            client.begin_transaction()
            client.send(target, value=b"late")
            with pytest.raises(CommitFailedError):
                client.send_offsets_to_transaction({place: OffsetAndMetadata(1, "", -1)}, metadata)
            client.abort_transaction()
            assert heir.committed(place) is None
    assert visible_soon(any_broker, target, [])


def test_an_overdue_transaction_is_aborted_and_its_producer_fenced(any_broker: Broker) -> None:
    topic = any_broker.new_topic()
    with transactional(any_broker, transaction_timeout_ms=1_000) as client, producer(any_broker) as plain:
        client.init_transactions()
        client.begin_transaction()
        client.send(topic, value=b"overdue").get(timeout=10)
        plain.send(topic, value=b"waiting").get(timeout=10)
        assert values(read_all(any_broker, topic)) == []
        assert visible_soon(any_broker, topic, [b"waiting"])
        with pytest.raises(KafkaError):
            client.commit_transaction()
    assert values(read_all(any_broker, topic)) == [b"waiting"]


def test_one_transaction_spans_partitions_and_topics(any_broker: Broker) -> None:
    left, right = any_broker.new_topic(partitions=2), any_broker.new_topic()
    with transactional(any_broker) as client:
        client.init_transactions()
        for round_number, commits in enumerate([True, False, True]):
            client.begin_transaction()
            for number in range(20):
                client.send(left, value=b"%d-%d" % (round_number, number), partition=number % 2)
                client.send(right, value=b"%d-%d" % (round_number, number))
            client.commit_transaction() if commits else client.abort_transaction()
    wanted = {b"%d-%d" % (round_number, number) for round_number in (0, 2) for number in range(20)}
    deadline = time.monotonic() + WAIT_S
    while not all(sorted(values(read_all(any_broker, topic))) == sorted(wanted) for topic in (left, right)):
        assert time.monotonic() < deadline
