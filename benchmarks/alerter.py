"""Throughput of one alerter over Apache Kafka: tagged events wait on the topic, and it works them off."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from kafka import KafkaProducer
from msgspec import Struct

from benchmarks.contenders import ROOT
from benchmarks.memory import children_of
from benchmarks.story_items import CONFIG
from workers.classify.reader import Reader
from workers.cli.metrics_page import fetch_samples, total
from workers.embedded.loopback import free_port
from workers.errors import DependencyError
from workers.formats.raw_item import ItemDecoder
from workers.formats.tagged_event import EventBuilder, encode_event
from workers.knowledge import load_knowledge

__all__ = ["measure_alerter"]

_TICK_S, _QUIET_S, _LIMIT_S = 0.2, 4.0, 300.0


class _Sample(Struct, frozen=True):
    """How far the alerter was, when, and what it had cost by then."""

    at: float
    tagged: int
    stories: int
    cpu_s: float


def measure_alerter(bootstrap: str, values: Sequence[bytes]) -> list[str]:
    """The table's lines, Markdown. `values` are raw items; they are tagged first, which is not measured."""
    environment = {
        **os.environ,
        "SHIRASE_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "SHIRASE_ALERTER__METRICS_PORT": str(free_port()),
        "SHIRASE_LOG__LEVEL": "warning",
    }
    command = [sys.executable, "-m", "workers.cli.main"]
    subprocess.run([*command, "topics", "apply"], env=environment, cwd=ROOT, check=True, capture_output=True)
    _load(bootstrap, values)
    alerter = subprocess.Popen([*command, "run", "alerter"], env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        samples = _watch(alerter.pid, environment["SHIRASE_ALERTER__METRICS_PORT"], len(values))
    finally:
        alerter.terminate()
        alerter.wait(60)
    return _table(samples)


def _load(bootstrap: str, values: Sequence[bytes]) -> None:
    knowledge = load_knowledge(CONFIG, None)
    reader, decoder = Reader(knowledge), ItemDecoder(1 << 20)
    builder = EventBuilder(worker="bench", rules="bench", knowledge=knowledge.version)
    provenance = builder.provenance(datetime.now(UTC).isoformat())
    producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type="lz4", linger_ms=20)
    for value in values:
        decoded = decoder.decode("bench", value)
        event = builder.build(decoded, reader.read(decoded.item), (), (), provenance)
        producer.send("intel.tagged", encode_event(event), key=event.item.id.encode())
    producer.flush(60)
    producer.close(timeout=10)


def _watch(supervisor: int, port: str, count: int) -> list[_Sample]:
    samples: list[_Sample] = []
    changed = started = time.monotonic()
    while time.monotonic() - started < _LIMIT_S:
        time.sleep(_TICK_S)
        seen = _sample(supervisor, port)
        if seen is None or not seen.tagged:
            continue
        if not samples or (seen.tagged, seen.stories) != (samples[-1].tagged, samples[-1].stories):
            changed = seen.at
            samples.append(seen)
        elif seen.tagged >= count and seen.at - changed > _QUIET_S:
            break
    return samples


def _sample(supervisor: int, port: str) -> _Sample | None:
    try:
        page = fetch_samples(f"http://127.0.0.1:{port}/metrics")
    except DependencyError:
        return None
    consumed = [int(total(page, "records_consumed_total", topic=topic)) for topic in ("intel.tagged", "intel.stories")]
    cpu = sum(_cpu_seconds(pid) for pid in children_of(supervisor))
    return _Sample(time.monotonic(), consumed[0], consumed[1], cpu)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _table(samples: Sequence[_Sample]) -> list[str]:
    first, last = samples[0], samples[-1]
    events = last.tagged - first.tagged
    wall, processor = events / (last.at - first.at), events / (last.cpu_s - first.cpu_s)
    return [
        "| tagged events | records of digests | events/s | events per second of processor time |",
        "|--:|--:|--:|--:|",
        f"| {last.tagged:,} | {last.stories:,} | {wall:,.0f} | {processor:,.0f} |",
    ]
