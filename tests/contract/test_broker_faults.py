"""The embedded broker's fault hooks, and that real clients come through what they order."""

from __future__ import annotations

import socket
import struct
import time

import pytest
from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError
from kafka.protocol.api_key import ApiKey

from tests.support.brokers import Broker
from tests.support.kafka_clients import consumer, poll, producer, read_all, values
from workers.embedded.broker import EmbeddedBroker
from workers.embedded.codes import Code

NOT_LEADER, NETWORK_EXCEPTION, COORDINATOR_LOADING, NOT_COORDINATOR, CONCURRENT_TRANSACTIONS = 6, 13, 14, 16, 51


def seen(broker: EmbeddedBroker) -> Broker:
    return Broker("embedded", broker.bootstrap)


def test_a_lost_produce_answer_is_not_appended_twice(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic("t", 1)
    with producer(seen(embedded_broker)) as client:
        client.send("t", value=b"0").get(timeout=10)
        embedded_broker.faults.cut_after(ApiKey.Produce)
        assert client.send("t", value=b"1").get(timeout=10).offset == 1
        assert client.send("t", value=b"2").get(timeout=10).offset == 2
    assert embedded_broker.faults.hits(ApiKey.Produce) == 1
    assert values(read_all(seen(embedded_broker), "t")) == [b"0", b"1", b"2"]


def test_a_lost_produce_request_is_sent_again(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic("t", 1)
    with producer(seen(embedded_broker)) as client:
        embedded_broker.faults.cut_before(ApiKey.Produce, times=2)
        assert client.send("t", value=b"0").get(timeout=10).offset == 0
    assert embedded_broker.faults.hits(ApiKey.Produce) == 2


@pytest.mark.parametrize("commits", [True, False])
def test_a_lost_end_of_a_transaction_is_asked_again(embedded_broker: EmbeddedBroker, commits: bool) -> None:
    embedded_broker.create_topic("t", 2)
    place = TopicPartition("t", 0)
    with producer(seen(embedded_broker), transactional_id="txn") as client:
        client.init_transactions()
        with consumer(seen(embedded_broker), "t", group_id="g") as reader:
            assert poll(reader, 1, seconds=0.5) == []
            client.begin_transaction()
            client.send("t", value=b"x").get(timeout=10)
            client.send_offsets_to_transaction({place: OffsetAndMetadata(7, "", -1)}, reader.group_metadata())
            embedded_broker.faults.cut_after(ApiKey.EndTxn)
            client.commit_transaction() if commits else client.abort_transaction()
            assert reader.committed(place) == (7 if commits else None)
    assert embedded_broker.faults.hits(ApiKey.EndTxn) == 1
    assert values(read_all(seen(embedded_broker), "t")) == ([b"x"] if commits else [])


@pytest.mark.parametrize(
    ("api", "codes"),
    [
        (ApiKey.Produce, [NOT_LEADER, NETWORK_EXCEPTION, NOT_LEADER]),
        (ApiKey.Metadata, [NETWORK_EXCEPTION]),
        (ApiKey.InitProducerId, [COORDINATOR_LOADING, NOT_COORDINATOR]),
        (ApiKey.AddPartitionsToTxn, [CONCURRENT_TRANSACTIONS, COORDINATOR_LOADING]),
        (ApiKey.AddOffsetsToTxn, [CONCURRENT_TRANSACTIONS]),
        (ApiKey.TxnOffsetCommit, [COORDINATOR_LOADING]),
        (ApiKey.EndTxn, [COORDINATOR_LOADING, NOT_COORDINATOR]),
        (ApiKey.FindCoordinator, [15]),
        (ApiKey.JoinGroup, [COORDINATOR_LOADING]),
        (ApiKey.SyncGroup, [Code.REBALANCE_IN_PROGRESS]),
        (ApiKey.Heartbeat, [Code.REBALANCE_IN_PROGRESS]),
        (ApiKey.OffsetFetch, [COORDINATOR_LOADING]),
        (ApiKey.ListOffsets, [NOT_LEADER]),
        (ApiKey.Fetch, [NOT_LEADER]),
    ],
)
def test_passing_errors_cost_time_and_nothing_else(
    embedded_broker: EmbeddedBroker, api: ApiKey, codes: list[int]
) -> None:
    broker = seen(embedded_broker)
    embedded_broker.create_topic("in", 1)
    embedded_broker.create_topic("out", 1)
    with producer(broker) as plain:
        plain.send("in", value=b"x").get(timeout=10)
    embedded_broker.faults.push_errors(api, codes)
    with producer(broker, transactional_id="txn") as client, consumer(broker, "in", group_id="g") as reader:
        client.init_transactions()
        (record,) = poll(reader, 1)
        client.begin_transaction()
        client.send("out", value=record.value)
        client.send_offsets_to_transaction(
            {TopicPartition("in", 0): OffsetAndMetadata(1, "", -1)}, reader.group_metadata()
        )
        client.commit_transaction()
        deadline = time.monotonic() + 5
        while embedded_broker.faults.hits(api) < len(codes) and time.monotonic() < deadline:
            reader.poll(timeout_ms=100)
        assert reader.committed(TopicPartition("in", 0)) == 1
    assert embedded_broker.faults.hits(api) == len(codes)
    assert values(read_all(broker, "out")) == [b"x"]


def test_a_delay_holds_the_answer(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic("t", 1)
    with producer(seen(embedded_broker)) as client:
        client.send("t", value=b"0").get(timeout=10)
        embedded_broker.faults.delay(ApiKey.Produce, 0.4)
        began = time.monotonic()
        client.send("t", value=b"1").get(timeout=10)
        assert time.monotonic() - began >= 0.4
        embedded_broker.faults.delay(ApiKey.Produce, 0)


def test_orders_can_be_taken_back(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic("t", 1)
    embedded_broker.faults.push_errors(ApiKey.Produce, [Code.CORRUPT_MESSAGE] * 100)
    embedded_broker.faults.cut_before(ApiKey.Produce, 100)
    embedded_broker.faults.cut_after(ApiKey.Produce, 100)
    embedded_broker.faults.delay(ApiKey.Produce, 100)
    embedded_broker.faults.clear()
    with producer(seen(embedded_broker)) as client:
        assert client.send("t", value=b"0").get(timeout=5).offset == 0
    assert embedded_broker.faults.requests(ApiKey.Produce) == 1


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack(">i", -1),
        struct.pack(">i", 2_000_000_000),
        struct.pack(">ihhi", 8, 0, 9, 1),  # Produce without a body
        struct.pack(">ihhi", 8, 999, 0, 1),  # no such API
        struct.pack(">ihhi", 8, 0, 99, 1),  # no such version
        struct.pack(">ihhi", 40, 19, 5, 1) + b"\xff" * 32,
        struct.pack(">ihhih", 26, 1, 4, 1, -1) + b"\x7f" * 16,
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_nonsense_costs_its_own_connection_only(embedded_broker: EmbeddedBroker, frame: bytes) -> None:
    embedded_broker.create_topic("t", 1)
    host, port = embedded_broker.bootstrap.split(":")
    with producer(seen(embedded_broker)) as client:
        client.send("t", value=b"0").get(timeout=10)
        with socket.create_connection((host, int(port)), timeout=5) as stranger:
            stranger.sendall(frame)
            assert stranger.recv(1) == b""
        assert client.send("t", value=b"1").get(timeout=10).offset == 1


def test_a_corrupt_batch_is_refused(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic("t", 1)
    embedded_broker.faults.push_errors(ApiKey.Produce, [Code.CORRUPT_MESSAGE] * 50)
    with producer(seen(embedded_broker), retries=0, enable_idempotence=False) as client, pytest.raises(KafkaError):
        client.send("t", value=b"0").get(timeout=10)
