"""The record stream's laws on real brokers: together or not at all, nothing late, nothing stale, nothing silent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tests.support.brokers import Broker
from tests.unit.tagger.fakes import CountingTelemetry, settings
from workers.adapters import kafka_sending
from workers.adapters.kafka_admin import missing_topics
from workers.adapters.kafka_browse import read_whole_topic
from workers.adapters.kafka_clients import build_producer, producer_options
from workers.adapters.kafka_stream import AtLeastOnceStream, ExactlyOnceStream, open_stream
from workers.adapters.process import SystemClock
from workers.errors import BatchLost, FatalError, FencedError
from workers.model import OutgoingRecord, Partition, Record
from workers.ports import BatchLimits
from workers.settings import KafkaSettings

LIMITS = BatchLimits(records=100, octets=1_000_000, wait_s=0.2)
Stream = ExactlyOnceStream | AtLeastOnceStream


class Wire:
    """Fresh topics, a group, and streams that are closed at the end."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.source, self.output = broker.new_topic(2), broker.new_topic(1)
        self.telemetry = CountingTelemetry()
        self._group = broker.unique("group")
        self._streams: list[Stream] = []

    def kafka(self, **changes: Any) -> KafkaSettings:
        quick: dict[str, Any] = {
            "bootstrap_servers": self.broker.bootstrap,
            "group": self._group,
            "session_timeout_ms": 6_000,
            "heartbeat_interval_ms": 300,
            "request_timeout_ms": 10_000,
        }
        return replace(settings().kafka, **(quick | changes))

    def open(self, transactional_id: str | None = "worker", **changes: Any) -> Stream:
        own = None if transactional_id is None else f"{self._group}-{transactional_id}"
        stream = open_stream(
            self.kafka(**changes),
            [self.source],
            transactional_id=own,
            telemetry=self.telemetry,
            clock=SystemClock(),
        )
        self._streams.append(stream)
        return stream

    def feed(self, *values: bytes, partition: int = 0) -> None:
        producer = KafkaProducer(bootstrap_servers=self.broker.bootstrap, linger_ms=200)
        futures = [producer.send(self.source, value, partition=partition) for value in values]
        producer.flush(10)
        for future in futures:
            future.get(1)
        producer.close()

    def out(self, value: bytes | None) -> OutgoingRecord:
        return OutgoingRecord(topic=self.output, key=b"k", value=value)

    def read(self, isolation: str = "read_committed") -> list[bytes]:
        consumer = KafkaConsumer(
            bootstrap_servers=self.broker.bootstrap, isolation_level=isolation, enable_auto_commit=False
        )
        place = TopicPartition(self.output, 0)
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        end, values = consumer.end_offsets([place])[place], []
        while consumer.position(place) < end:
            values += [record.value for batch in consumer.poll(300).values() for record in batch]
        consumer.close()
        return values

    def close(self) -> None:
        for stream in self._streams:
            stream.close()


@pytest.fixture
def wire(any_broker: Broker) -> Iterator[Wire]:
    made = Wire(any_broker)
    yield made
    made.close()


def poll(stream: Stream, wanted: int = 1) -> list[Record]:
    """Poll until so many records are there."""
    records: list[Record] = []
    wait(lambda: records.extend(stream.poll(LIMITS)) or len(records) >= wanted)  # type: ignore[func-returns-value]
    return records


def wait(holds: Callable[[], Any], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "waited too long"


def after(records: list[Record]) -> dict[Partition, int]:
    return {record.partition: record.offset + 1 for record in records}


@pytest.mark.parametrize("transactional_id", ["worker", None])
def test_what_was_published_stands_and_its_offsets_are_committed(wire: Wire, transactional_id: str | None) -> None:
    wire.feed(b"a", b"b")
    stream = wire.open(transactional_id)
    records = poll(stream, 2)
    assert [record.value for record in records] == [b"a", b"b"]
    stream.publish([wire.out(record.value) for record in records], after(records))
    assert wire.read() == [b"a", b"b"]
    wait(stream.is_caught_up)
    stream.close()
    wire.feed(b"c")
    assert [record.value for record in poll(wire.open(transactional_id))] == [b"c"]


def test_a_partition_without_a_committed_offset_is_read_from_its_oldest_record(wire: Wire) -> None:
    wire.feed(b"old")
    assert poll(wire.open())[0].offset == 0


def test_rewound_records_come_again(wire: Wire) -> None:
    wire.feed(b"a", b"b", b"c")
    stream = wire.open()
    first = poll(stream, 3)[:1]
    stream.publish([], after(first))
    stream.rewind()
    assert [record.value for record in poll(stream, 2)] == [b"b", b"c"]


def test_a_refused_record_stops_the_worker_and_nothing_of_its_batch_is_seen(wire: Wire) -> None:
    wire.feed(b"a")
    stream = wire.open(max_request_bytes=2_000_000)
    records = poll(stream)
    outputs = [wire.out(b"fine"), wire.out(b"x" * 3_000_000)]
    with pytest.raises(FatalError, match="kafka-record-too-large"):
        stream.publish(outputs, after(records))
    stream.rewind()
    assert wire.read() == []
    again = poll(stream)
    stream.publish([wire.out(b"small")], after(again))
    assert wire.read() == [b"small"]


def test_a_late_result_of_a_member_that_was_thrown_out_is_never_published(wire: Wire) -> None:
    wire.feed(b"a")
    slow = wire.open("slow", max_poll_interval_ms=1_000, session_timeout_ms=2_000)
    late = poll(slow)
    other = wire.open("other")
    taken = poll(other)  # comes only after the slow one was thrown out
    other.publish([wire.out(b"from the other")], after(taken))
    with pytest.raises(BatchLost):
        slow.publish([wire.out(b"late")], after(late))
    assert wire.read() == [b"from the other"]


def test_the_older_of_two_workers_with_one_transactional_id_is_fenced(wire: Wire) -> None:
    wire.feed(b"a")
    old = wire.open("same")
    records = poll(old)
    wire.open("same")
    with pytest.raises(FencedError):
        old.publish([wire.out(b"zombie")], after(records))
    assert wire.read() == []
    assert wire.telemetry.counters["transactions_total", "committed"] == 0


def test_a_committed_offset_that_was_deleted_is_loud(wire: Wire) -> None:
    wire.feed(*[b"x"] * 5)
    stream = wire.open()
    records = poll(stream, 5)
    stream.publish([], after(records[:2]))
    stream.close()
    wire.feed(*[b"y"] * 5)
    admin = wire.broker.admin()
    admin.delete_records({TopicPartition(wire.source, 0): 6})
    admin.close()
    again = wire.open()
    with pytest.raises(FatalError, match="offset-out-of-range"):
        poll(again)


def test_rebalances_and_transactions_are_counted(wire: Wire) -> None:
    wire.feed(b"a")
    stream = wire.open()
    records = poll(stream)
    stream.publish([wire.out(b"v")], after(records))
    assert wire.telemetry.counters["transactions_total", "committed"] == 1
    assert wire.telemetry.counters["rebalances_total", "assigned"] >= 1


def test_lag_is_what_is_not_committed(wire: Wire) -> None:
    wire.feed(*[b"x"] * 5)
    stream = wire.open()
    records = poll(stream, 5)
    stream.publish([], after(records))
    wire.feed(*[b"y"] * 3)
    wait(lambda: len(stream.poll(BatchLimits(records=1, octets=1_000, wait_s=0.2))) == 1)
    assert sum(stream.lag().values()) == 2
    assert not stream.is_caught_up()


def test_missing_topics_are_named_and_never_created(wire: Wire) -> None:
    wanted = [wire.source, f"{wire.source}-no", f"{wire.output}-nor-this"]
    assert missing_topics(wire.kafka(), wanted) == sorted(wanted[1:])
    assert missing_topics(wire.kafka(), wanted) == sorted(wanted[1:])


@pytest.mark.parametrize("transactional_id", ["worker", None])
def test_both_ways_of_sending_come_to_the_same(wire: Wire, transactional_id: str | None) -> None:
    assert kafka_sending.send_all is not kafka_sending.send_each, "written for another version of kafka-python"
    headers = (("ce_id", b"1"), ("empty", b""), ("tagged", "é".encode()))
    odd = [
        OutgoingRecord(topic="", key=None, value=b"no key"),
        OutgoingRecord(topic="", key=b"tombstone", value=None, headers=headers),
        OutgoingRecord(topic="", key=b"", value=b"empty key"),
        OutgoingRecord(topic="", key=b"large", value=b"x" * 300_000, headers=headers),
    ]
    plain = [OutgoingRecord(topic="", key=b"key-%d" % n, value=b"v%d" % n, headers=headers) for n in range(500)]
    lanes = [
        _sent(wire, way, [*plain, *odd, *plain], transactional_id)
        for way in (kafka_sending.send_all, kafka_sending.send_each)
    ]
    for key in {record.key for record in plain} | {b"tombstone", b"large"}:
        assert lanes[0][key] == lanes[1][key]
    assert [len(lane) for lane in lanes] == [504, 504]
    assert [value for _, value, _ in lanes[0][None]] == [value for _, value, _ in lanes[1][None]] == [b"no key"]


Sent = dict[bytes | None, list[tuple[int, bytes | None, list[tuple[str, bytes]]]]]


def _sent(wire: Wire, way: Callable[..., list[Any]], outputs: list[OutgoingRecord], own: str | None) -> Sent:
    """What a reader gets, per key: partition, value, headers, in order."""
    topic = wire.broker.new_topic(3)
    transactional_id = None if own is None else wire.broker.unique(own)
    producer = build_producer(producer_options(wire.kafka(), transactional_id=transactional_id))
    if transactional_id is not None:
        producer.init_transactions()
        producer.begin_transaction()
    futures = way(producer, [msgspec.structs.replace(output, topic=topic) for output in outputs])
    producer.flush(30)
    assert all(future.succeeded() for future in futures)
    if transactional_id is not None:
        producer.commit_transaction()
    producer.close(timeout=5)
    found: Sent = {}
    for record in read_whole_topic(wire.kafka(), topic):
        found.setdefault(record.key, []).append((record.partition.number, record.value, list(record.headers)))
    return found
