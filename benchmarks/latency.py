"""Record-to-commit latency at half load: from a record's timestamp until a `read_committed` reader has its event."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from benchmarks.broker import PARTITIONS, create_topics
from benchmarks.contenders import ROOT, Job, shirase_environment

__all__ = ["measure_latency"]

WARM_UP_S = 5.0
MARK = "-the-id-of-the-item-"


def measure_latency(bootstrap: str, values: Sequence[bytes], *, rate: float, seconds: float) -> list[str]:
    """The table's lines, Markdown: `rate` records a second are offered for `seconds` after the worker has warmed up.

    Warming up is the time until its first event and five seconds more, in which it works off what piled up meanwhile.
    """
    job = Job(bootstrap=bootstrap, source="bench.paced", output="bench.latency", count=0, batch=2000)
    create_topics(bootstrap, [job.source, *job.topics()])
    worker = _start_worker(job)
    try:
        waited = _offer_and_measure(job, values, rate, seconds)
    finally:
        worker.terminate()
        worker.wait(60)
    waited.sort()
    cells = [waited[min(len(waited) - 1, int(len(waited) * share))] * 1000 for share in (0.5, 0.95, 0.99)]
    return [
        "| offered records/s | events seen | p50 ms | p95 ms | p99 ms |",
        "|---|---|---|---|---|",
        f"| {rate:,.0f} | {len(waited):,} | {cells[0]:.0f} | {cells[1]:.0f} | {cells[2]:.0f} |",
    ]


def _start_worker(job: Job) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "workers.cli.main", "run", "tagger"],
        env={**os.environ, **shirase_environment(job)},
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )


def _offer_and_measure(job: Job, values: Sequence[bytes], rate: float, seconds: float) -> list[float]:
    consumer = KafkaConsumer(
        bootstrap_servers=job.bootstrap, isolation_level="read_committed", enable_auto_commit=False, fetch_max_wait_ms=5
    )
    consumer.assign([TopicPartition(job.output, number) for number in range(PARTITIONS)])
    consumer.seek_to_end()
    sent: dict[str, float] = {}
    awake = threading.Event()
    offering = threading.Thread(target=_offer, args=(job, values, rate, seconds, sent, awake))
    offering.start()
    try:
        return _measure(consumer, offering, sent, awake)
    finally:
        offering.join()
        consumer.close()


def _offer(
    job: Job, values: Sequence[bytes], rate: float, seconds: float, sent: dict[str, float], awake: threading.Event
) -> None:
    producer = KafkaProducer(bootstrap_servers=job.bootstrap, compression_type="lz4", linger_ms=2)
    encoded = [_split(value) for value in values]
    started = time.monotonic()
    counted_from = None
    at = 0
    while counted_from is None or time.monotonic() - counted_from < seconds:
        now = time.monotonic()
        if counted_from is None and awake.is_set():
            counted_from = now + WARM_UP_S
        while at < (now - started) * rate:
            key = f"paced-{at}"
            if counted_from is not None and now > counted_from:
                sent[key] = time.monotonic()
            before, after = encoded[at % len(encoded)]
            producer.send(job.source, before + key.encode() + after, partition=at % PARTITIONS)
            at += 1
        time.sleep(0.002)
    producer.flush(30)
    producer.close(timeout=10)


def _split(value: bytes) -> tuple[bytes, bytes]:
    """An item's bytes around its id, so that offering costs little of what is measured."""
    item = {**msgspec.json.decode(value), "id": MARK}
    before, after = msgspec.json.encode(item).split(MARK.encode())
    return before, after


def _measure(consumer: Any, offering: threading.Thread, sent: dict[str, float], awake: threading.Event) -> list[float]:
    waited: list[float] = []
    quiet = time.monotonic()
    while offering.is_alive() or (len(waited) < len(sent) and time.monotonic() - quiet < 10):
        for records in consumer.poll(timeout_ms=20, max_records=5000).values():
            quiet = time.monotonic()
            awake.set()
            waited += [quiet - sent[key] for r in records if (key := r.key.decode()) in sent]
    return waited
