"""Laws of records, on the embedded broker and on Apache Kafka: what is produced is what is read."""

from __future__ import annotations

import time

import pytest
from kafka import TopicPartition
from kafka.errors import (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    UnknownTopicOrPartitionError,
)

from tests.support.brokers import Broker
from tests.support.kafka_clients import admin, consumer, poll, producer, read_all, values

COMPRESSIONS = [None, "gzip", "snappy", "lz4", "zstd"]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_records_come_back_as_they_were_sent(any_broker: Broker, compression: str | None) -> None:
    topic = any_broker.new_topic()
    headers = [("ce_id", b"1"), ("empty", b""), ("ce_id", b"again")]
    with producer(any_broker, compression_type=compression) as client:
        client.send(topic, value=b"x" * 1000, key=b"k", headers=headers, timestamp_ms=1_700_000_000_123)
        client.send(topic, value=None, key=b"tombstone")
        client.send(topic, value="日本".encode())
        client.flush(timeout=10)
    first, tombstone, last = read_all(any_broker, topic)
    assert (first.key, first.value, list(first.headers), first.timestamp) == (
        b"k",
        b"x" * 1000,
        headers,
        1_700_000_000_123,
    )
    assert (tombstone.key, tombstone.value) == (b"tombstone", None)
    assert (last.key, last.value.decode(), last.offset) == (None, "日本", 2)


def test_partitions_keep_their_order_and_offsets(any_broker: Broker) -> None:
    topic = any_broker.new_topic(partitions=3)
    with producer(any_broker, compression_type="lz4") as client:
        sent = [client.send(topic, value=b"%d" % number, partition=number % 3) for number in range(300)]
        client.flush(timeout=10)
    assert [future.get(timeout=1).offset for future in sent] == [number // 3 for number in range(300)]
    records = read_all(any_broker, topic)
    for partition in range(3):
        of_partition = [record for record in records if record.partition == partition]
        assert [record.offset for record in of_partition] == list(range(100))
        assert values(of_partition) == [b"%d" % number for number in range(partition, 300, 3)]


def test_a_waiting_reader_is_woken_by_a_new_record(any_broker: Broker) -> None:
    topic = any_broker.new_topic()
    with consumer(any_broker, fetch_max_wait_ms=5_000) as reader, producer(any_broker) as writer:
        reader.assign([TopicPartition(topic, 0)])
        assert poll(reader, 1, seconds=0.5) == []
        began = time.monotonic()
        writer.send(topic, value=b"now").get(timeout=10)
        assert values(poll(reader, 1)) == [b"now"]
        assert time.monotonic() - began < 3


def test_small_fetches_still_move_on(any_broker: Broker) -> None:
    topic = any_broker.new_topic()
    with producer(any_broker, linger_ms=0) as client:
        for number in range(5):
            client.send(topic, value=bytes([number]) * 5000).get(timeout=10)
    with consumer(any_broker, max_partition_fetch_bytes=1000, fetch_max_bytes=1000) as reader:
        reader.assign([TopicPartition(topic, 0)])
        assert [record.value[0] for record in poll(reader, 5)] == [0, 1, 2, 3, 4]


def test_offsets_for_times_name_the_exact_record(any_broker: Broker) -> None:
    topic = any_broker.new_topic()
    with producer(any_broker, linger_ms=50, compression_type="gzip") as client:
        for number in range(10):
            client.send(topic, value=b"%d" % number, timestamp_ms=1_700_000_000_000 + number * 1000)
        client.flush(timeout=10)
    place = TopicPartition(topic, 0)
    with consumer(any_broker) as reader:
        reader.assign([place])
        found = reader.offsets_for_times({place: 1_700_000_004_500})[place]
        assert (found.offset, found.timestamp) == (5, 1_700_000_005_000)
        assert reader.offsets_for_times({place: 1_800_000_000_000}).get(place) is None
        assert (reader.beginning_offsets([place])[place], reader.end_offsets([place])[place]) == (0, 10)


def test_deleted_records_are_gone(any_broker: Broker) -> None:
    topic = any_broker.new_topic()
    place = TopicPartition(topic, 0)
    with producer(any_broker) as client:
        for number in range(10):
            client.send(topic, value=b"%d" % number)
        client.flush(timeout=10)
    with admin(any_broker) as operator:
        assert operator.delete_records({place: 4})[place]["low_watermark"] == 4
        with pytest.raises(OffsetOutOfRangeError):
            operator.delete_records({place: 11})
    assert [record.offset for record in read_all(any_broker, topic)] == [4, 5, 6, 7, 8, 9]
    with consumer(any_broker, auto_offset_reset="none") as reader:
        reader.assign([place])
        reader.seek(place, 2)
        with pytest.raises(OffsetOutOfRangeError):
            poll(reader, 1, seconds=5)


def test_a_batch_over_the_topics_limit_is_refused(any_broker: Broker) -> None:
    topic = any_broker.new_topic(configs={"max.message.bytes": "2000"})
    with producer(any_broker, retries=0) as client:
        with pytest.raises(MessageSizeTooLargeError):
            client.send(topic, value=b"x" * 3000).get(timeout=10)
        assert client.send(topic, value=b"x" * 1000).get(timeout=10).offset == 0
    assert len(read_all(any_broker, topic)) == 1


def test_an_unknown_topic_is_not_made_by_asking(any_broker: Broker) -> None:
    name = any_broker.unique("nowhere")
    with (
        producer(any_broker, max_block_ms=1_500) as client,
        pytest.raises((KafkaTimeoutError, UnknownTopicOrPartitionError)),
    ):
        client.send(name, value=b"x").get(timeout=5)
    with consumer(any_broker, allow_auto_create_topics=True) as reader:
        assert not reader.partitions_for_topic(name)
    with admin(any_broker) as operator:
        assert name not in operator.list_topics()
