"""The worker as a process: bad input, limits, signals, idleness, health. On the embedded broker and on Apache Kafka."""

from __future__ import annotations

import json
import re
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tests.chaos.rig import PARTITIONS, Rig
from tests.support.brokers import Broker
from tests.unit.tagger.test_pipeline import BAD

WAIT_S = 60


@pytest.fixture
def rig(any_broker: Broker, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(lambda: any_broker.bootstrap, tmp_path, seed=1)
    yield made
    made.close()


def ended(rig: Rig, *arguments: str, workers: int = 1, **environment: str) -> int:
    """The exit code of a supervisor that is left alone."""
    return rig.start(workers, *arguments, **environment).process.wait(WAIT_S)


def read(rig: Rig, topic: str) -> list[Any]:
    consumer = KafkaConsumer(
        bootstrap_servers=rig.bootstrap(), isolation_level="read_committed", enable_auto_commit=False
    )
    places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    ends = consumer.end_offsets(places)
    records: list[Any] = []
    while any(consumer.position(place) < end for place, end in ends.items()):
        records += [record for batch in consumer.poll(300).values() for record in batch]
    consumer.close()
    return records


@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once"])
def test_until_idle_processes_what_is_there_and_exits_with_0(rig: Rig, guarantee: str) -> None:
    rig.feed(500)
    assert ended(rig, "--until-idle", "--guarantee", guarantee) == 0, rig.logs()
    assert rig.verdict().is_clean


def test_two_workers_share_the_work_and_both_end(rig: Rig) -> None:
    rig.feed(2_000)
    assert ended(rig, "--until-idle", workers=2) == 0, rig.logs()
    assert rig.verdict().is_clean


def test_until_idle_on_an_empty_topic_ends(rig: Rig) -> None:
    assert ended(rig, "--until-idle") == 0, rig.logs()


def test_every_kind_of_bad_input_goes_to_the_dead_letter_topic_once_and_its_neighbours_are_unharmed(rig: Rig) -> None:
    kinds = list(BAD.values())
    producer = KafkaProducer(bootstrap_servers=rig.bootstrap(), max_request_size=8_000_000)
    for at, (value, _) in enumerate(kinds):
        for suffix, body in (("before", b'{"id": "b%d", "title": "t"}' % at), ("bad", value), ("after", None)):
            sent = body if suffix != "after" else b'{"id": "a%d", "title": "t"}' % at
            origin = [("origin", str(at).encode()), ("traceparent", b"00-1-2-01")]
            producer.send(rig.source, sent, key=f"{at}-{suffix}".encode(), headers=origin, partition=at % PARTITIONS)
    producer.send(rig.source, None, key=b"tombstone with a key", partition=0)
    producer.flush()
    producer.close()
    assert ended(rig, "--until-idle", SHIRASE_TAGGER__MAX_ITEM_BYTES="100000") == 0, rig.logs()
    letters = {record.key.decode(): record for record in read(rig, rig.dead_letter)}
    assert len(letters) == len(read(rig, rig.dead_letter)) == len(kinds) + 1
    for at, (value, code) in enumerate(kinds):
        letter = letters[f"{at}-bad"]
        headers = dict(letter.headers)
        assert letter.value == value
        assert code is None or headers["shirase-error-code"] == code.encode()
        assert headers["origin"] == str(at).encode()
        assert headers["shirase-origin-partition"] == str(at % PARTITIONS).encode()
    assert letters["tombstone with a key"].value is None
    events = [json.loads(record.value) for record in read(rig, rig.output)]
    assert sorted(event["item"]["id"] for event in events) == sorted(
        f"{side}{at}" for at in range(len(kinds)) for side in "ab"
    )


def test_a_record_that_unpacks_to_more_than_a_request_is_dead_lettered_cut(rig: Rig) -> None:
    producer = KafkaProducer(
        bootstrap_servers=rig.bootstrap(), max_request_size=64_000_000, compression_type="gzip", batch_size=64_000_000
    )
    producer.send(rig.source, b"z" * 20_000_000, key=b"huge", partition=0)
    producer.send(rig.source, b'{"id": "after", "title": "t"}', partition=0)
    producer.flush()
    producer.close()
    assert ended(rig, "--until-idle") == 0, rig.logs()
    (letter,) = read(rig, rig.dead_letter)
    headers = dict(letter.headers)
    assert headers["shirase-error-code"] == b"too-large"
    assert headers["shirase-cut-from-bytes"] == b"20000000"
    assert len(read(rig, rig.output)) == 1


def test_a_feed_of_poison_stops_the_worker_loudly_and_its_offsets_stay(rig: Rig) -> None:
    producer = KafkaProducer(bootstrap_servers=rig.bootstrap())
    for number in range(400):
        producer.send(rig.source, b"poison", key=str(number).encode(), partition=0)
    producer.flush()
    producer.close()
    limit = {"SHIRASE_DEAD_LETTER__MAX_IN_A_ROW": "100"}
    first = rig.start(1, **limit)
    assert first.process.wait(WAIT_S) == 1
    (stopped,) = first.events("stopped")
    assert stopped["code"] == "dead-letter-limit"
    assert "in a row (limit 100); the last one: not-json" in str(stopped["reason"])
    assert len(first.events("worker_started")) == 1
    assert len(read(rig, rig.dead_letter)) < 100
    assert ended(rig, "--until-idle") == 0
    assert len(read(rig, rig.dead_letter)) == 400


def test_a_missing_topic_is_named_and_not_created(rig: Rig) -> None:
    supervised = rig.start(1, SHIRASE_TAGGER__OUTPUT="no-such-output")
    assert supervised.process.wait(WAIT_S) == 1
    (stopped,) = supervised.events("stopped")
    assert stopped["code"] == "missing-topic"
    assert "no-such-output. Create them with: shirase topics apply" in str(stopped["reason"])
    again = rig.start(1, SHIRASE_TAGGER__OUTPUT="no-such-output")
    assert again.process.wait(WAIT_S) == 1


def test_a_wrong_setting_ends_with_78(rig: Rig) -> None:
    assert ended(rig, SHIRASE_BATCH__MAX_RECORDS="0") == 78


def test_sigterm_finishes_the_batch_and_exits_with_0(rig: Rig) -> None:
    rig.feed(5_000)
    supervised = rig.start(1)
    rig.wait_for_progress()
    started = time.monotonic()
    assert supervised.stop() == 0
    assert time.monotonic() - started < 12
    assert [event["code"] for event in supervised.events("worker_ended")] == [0], rig.logs()
    assert rig.aborted() == 0
    assert ended(rig, "--until-idle") == 0
    assert rig.verdict().is_clean


def test_the_workers_health_port_tells_of_the_stream(rig: Rig) -> None:
    rig.feed(300)
    supervised = rig.start(1)
    rig.wait_until_all_is_out()
    (started,) = supervised.events("metrics")
    address = str(started["address"]).removesuffix("/metrics")
    time.sleep(2.5)  # the lag is told every two seconds
    text = urllib.request.urlopen(f"{address}/metrics", timeout=5).read().decode()
    assert urllib.request.urlopen(f"{address}/readyz", timeout=5).status == 200
    assert f'shirase_records_consumed_total{{topic="{rig.source}"}} 300.0' in text
    outcomes = re.findall(r"^shirase_outcomes_total\{.*\} (\S+)$", text, re.MULTILINE)
    assert sum(map(float, outcomes)) == 300
    assert 'shirase_consumer_lag_records{partition="0",topic=' in text
    assert supervised.stop() == 0


def test_a_worker_does_not_outlive_its_supervisor(rig: Rig) -> None:
    rig.feed(10)
    supervised = rig.start(1)
    rig.wait_until_all_is_out()
    (pid,) = supervised.worker_pids()
    supervised.process.send_signal(signal.SIGKILL)
    supervised.process.wait(10)
    deadline = time.monotonic() + 15
    while _is_running(pid):
        assert time.monotonic() < deadline, "the worker still runs"
        time.sleep(0.1)


def _is_running(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
