"""What the embedded broker keeps when it is stopped, and when its process is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka import OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from tests.support.brokers import Broker
from tests.support.kafka_clients import admin, consumer, poll, producer, read_all, values
from workers.embedded.broker import EmbeddedBroker
from workers.embedded.loopback import free_port


def seen(broker: EmbeddedBroker) -> Broker:
    return Broker("embedded", broker.bootstrap)


def test_clients_go_on_after_a_stop_and_a_start(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic("t", 1)
    address = embedded_broker.bootstrap
    quick = {"reconnect_backoff_max_ms": 200}
    with (
        producer(seen(embedded_broker), **quick) as writer,
        consumer(seen(embedded_broker), "t", group_id="g", **quick) as reader,
    ):
        writer.send("t", value=b"before").get(timeout=10)
        assert values(poll(reader, 1)) == [b"before"]
        reader.commit()
        embedded_broker.stop()
        during = writer.send("t", value=b"during")
        embedded_broker.start()
        assert embedded_broker.bootstrap == address
        assert during.get(timeout=15).offset == 1
        assert values(poll(reader, 1)) == [b"during"]
        assert reader.committed(TopicPartition("t", 0)) == 1


def test_an_open_transaction_survives_a_stop(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic("t", 1)
    with producer(seen(embedded_broker), transactional_id="txn", reconnect_backoff_max_ms=200) as client:
        client.init_transactions()
        client.begin_transaction()
        client.send("t", value=b"x").get(timeout=10)
        embedded_broker.stop()
        embedded_broker.start()
        assert values(read_all(seen(embedded_broker), "t")) == []
        client.send("t", value=b"y").get(timeout=10)
        client.commit_transaction()
    assert values(read_all(seen(embedded_broker), "t")) == [b"x", b"y"]


@contextmanager
def process(port: int, folder: Path, *topics: str) -> Iterator[tuple[subprocess.Popen[str], Broker]]:
    options = [part for topic in topics for part in ("--topic", topic)]
    command = [sys.executable, "-m", "workers.embedded", "--port", str(port), "--data-dir", str(folder), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == f"ready 127.0.0.1:{port}\n"
        try:
            yield running, Broker("process", f"127.0.0.1:{port}")
        finally:
            running.kill()


def test_a_killed_process_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    port = free_port()
    place = TopicPartition("in", 0)
    with process(port, tmp_path, "in:1", "out:2", "gone:1") as (running, broker):
        with producer(broker, compression_type="zstd") as plain:
            for number in range(50):
                plain.send("in", value=b"%d" % number)
            plain.flush(timeout=10)
        with admin(broker) as operator:
            operator.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "out", {"retention.ms": "77"})])
            operator.delete_records({place: 3})
            operator.delete_topics(["gone"])
        with producer(broker, transactional_id="txn") as client, consumer(broker, "in", group_id="g") as reader:
            client.init_transactions()
            for ends in ("commit", "abort"):
                client.begin_transaction()
                client.send("out", value=ends.encode(), partition=0).get(timeout=10)
                offset = OffsetAndMetadata(10 if ends == "commit" else 20, "", -1)
                poll(reader, 1, seconds=2)
                client.send_offsets_to_transaction({place: offset}, reader.group_metadata())
                client.commit_transaction() if ends == "commit" else client.abort_transaction()
            client.begin_transaction()
            client.send("out", value=b"open", partition=1).get(timeout=10)
            running.kill()
            running.wait()
    with process(port, tmp_path, "in:1") as (running, broker):
        assert [record.offset for record in read_all(broker, "in")] == list(range(3, 50))
        assert values(read_all(broker, "out")) == [b"commit"]
        with consumer(broker, group_id="g") as reader:
            assert reader.committed(place) == 10
        with admin(broker) as operator:
            assert "gone" not in operator.list_topics()
            found = operator.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "out")])
            assert found["topic"]["out"]["retention.ms"]["value"] == "77"
        with producer(broker, transactional_id="txn") as heir:
            heir.init_transactions()
            heir.begin_transaction()
            heir.send("out", value=b"heir", partition=1)
            heir.commit_transaction()
        assert values(read_all(broker, "out")) == [b"commit", b"heir"]
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=10) == 0


def test_a_torn_last_write_is_cut_off(tmp_path: Path) -> None:
    with EmbeddedBroker(data_dir=tmp_path) as broker:
        broker.create_topic("t", 1)
        with producer(seen(broker), linger_ms=0) as client:
            for number in range(3):
                client.send("t", value=b"%d" % number).get(timeout=10)
    log = tmp_path / "topics" / "t" / "0.log"
    log.write_bytes(log.read_bytes()[:-5])
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(journal.read_bytes() + b'{"kind":"topic","topic":"half')
    with EmbeddedBroker(data_dir=tmp_path) as broker:
        assert values(read_all(seen(broker), "t")) == [b"0", b"1"]
        with producer(seen(broker)) as client:
            assert client.send("t", value=b"again").get(timeout=10).offset == 2
    with EmbeddedBroker(data_dir=tmp_path) as broker:
        assert values(read_all(seen(broker), "t")) == [b"0", b"1", b"again"]


def test_a_topic_made_again_does_not_bring_back_the_old_records(tmp_path: Path) -> None:
    for _ in range(2):
        with EmbeddedBroker(data_dir=tmp_path) as broker:
            broker.create_topic("t", 1)
            with admin(seen(broker)) as operator:
                operator.delete_topics(["t"])
            broker.create_topic("t", 1)
            assert read_all(seen(broker), "t") == []
            with producer(seen(broker)) as client:
                assert client.send("t", value=b"new").get(timeout=10).offset == 0


def test_two_brokers_cannot_share_a_directory(tmp_path: Path) -> None:
    with EmbeddedBroker(data_dir=tmp_path), pytest.raises(BlockingIOError):
        EmbeddedBroker(data_dir=tmp_path).start()


def test_a_taken_port_is_an_error_and_not_a_hang(embedded_broker: EmbeddedBroker) -> None:
    port = int(embedded_broker.bootstrap.rpartition(":")[2])
    with pytest.raises(OSError, match="address already in use"):
        EmbeddedBroker(port=port).start()


def test_a_wrong_setting_of_a_topic_is_an_error(embedded_broker: EmbeddedBroker) -> None:
    with pytest.raises(ValueError, match="Unknown topic config"):
        embedded_broker.create_topic("t", 1, {"no.such": "1"})
