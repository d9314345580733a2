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


def measure_latency(bootstrap: str, values: Sequence[bytes], *, rate: float, seconds: float) -> list[str]:
    """The table's lines, Markdown. `rate` records a second are offered for `seconds`; the first five are warm-up."""
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
    offering = threading.Thread(target=_offer, args=(job, values, rate, seconds, sent))
    offering.start()
    try:
        return _measure(consumer, offering, sent)
    finally:
        offering.join()
        consumer.close()


def _offer(job: Job, values: Sequence[bytes], rate: float, seconds: float, sent: dict[str, float]) -> None:
    producer = KafkaProducer(bootstrap_servers=job.bootstrap, compression_type="lz4", linger_ms=2)
    started = time.monotonic()
    at = 0
    while (passed := time.monotonic() - started) < seconds:
        while at < passed * rate:
            item = msgspec.json.decode(values[at % len(values)])
            item["id"] = f"paced-{at}"
            if passed > WARM_UP_S:
                sent[item["id"]] = time.monotonic()
            producer.send(job.source, msgspec.json.encode(item), partition=at % PARTITIONS)
            at += 1
        time.sleep(0.002)
    producer.flush(30)
    producer.close(timeout=10)


def _measure(consumer: Any, offering: threading.Thread, sent: dict[str, float]) -> list[float]:
    waited: list[float] = []
    quiet = time.monotonic()
    while offering.is_alive() or (len(waited) < len(sent) and time.monotonic() - quiet < 10):
        for records in consumer.poll(timeout_ms=20, max_records=5000).values():
            quiet = time.monotonic()
            waited += [quiet - sent[key] for r in records if (key := r.key.decode()) in sent]
    return waited
