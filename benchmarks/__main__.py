"""All measurements in one run, as Markdown tables on standard output.

Usage: python -m benchmarks [--items FILE] [--records 40000] [--rounds 3] [--only stream,stages,reading,lookups,latency,memory,start,stories,alerter,cache-faults]
                            [--development FILE ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.alerter import measure_alerter
from benchmarks.broker import create_topics, load_topic
from benchmarks.cache_faults import measure_cache_faults
from benchmarks.cold_start import measure_cold_start
from benchmarks.contenders import Job
from benchmarks.items import load_items
from benchmarks.latency import measure_latency
from benchmarks.lookups import measure_lookups
from benchmarks.memory import measure_memory
from benchmarks.reading import measure_reading
from benchmarks.stages import measure_stages
from benchmarks.stories import measure_stories
from benchmarks.stream import measure_capacity, measure_stream
from tests.support.kafka_server import ApacheKafka

PARTS = ("stream", "stages", "reading", "lookups", "latency", "memory", "start", "stories", "alerter", "cache-faults")


def main() -> None:
    """Runs the chosen parts."""
    options = _options()
    chosen = options.only.split(",")
    values = load_items(options.items, options.records)
    print(f"{len(values):,} items, {sum(map(len, values)) / len(values):,.0f} bytes on average\n")
    if "stages" in chosen:
        _show("Cost per step, one process", measure_stages(values[:10_000], options.batch))
    if "reading" in chosen:
        _show("Reading, one process", measure_reading(values[:10_000], options.development))
    if "lookups" in chosen:
        _show("Lookups, one process", measure_lookups(values[:10_000], options.batch))
    if "start" in chosen:
        _show("Cold start", measure_cold_start(values[0]))
    if "stories" in chosen:
        _show("Stories", measure_stories(options.development, options.watched))
    if {"stream", "latency", "memory", "alerter", "cache-faults"} & set(chosen):
        with ApacheKafka() as kafka:
            _on_kafka(kafka.bootstrap, values, chosen, options)


def _on_kafka(bootstrap: str, values: list[bytes], chosen: list[str], options: argparse.Namespace) -> None:
    if "stream" in chosen:
        _show("Stream", measure_stream(bootstrap, values, batch=options.batch, rounds=options.rounds))
    if "latency" in chosen:
        rate = options.rate or measure_capacity(bootstrap, values[:20_000], batch=options.batch) / 2
        _show("Latency", measure_latency(bootstrap, values, rate=rate, seconds=30.0))
    if "cache-faults" in chosen:
        _show("Throughput while the cache server fails", measure_cache_faults(bootstrap, options.rounds))
    if "alerter" in chosen:
        _show("One alerter", measure_alerter(bootstrap, values))
    if "memory" in chosen:
        many = load_items(options.items, 100_000)
        job = Job(bootstrap=bootstrap, source="bench.many", output="bench.memory", count=len(many), batch=options.batch)
        create_topics(bootstrap, [job.source])
        load_topic(bootstrap, job.source, many)
        _show("Memory of one worker", measure_memory(job))


def _show(title: str, lines: Sequence[str]) -> None:
    print(f"\n### {title}\n", *lines, sep="\n", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--items", type=Path, help="JSON Lines of raw items, .gz or not; default: the demo's items")
    parser.add_argument("--records", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=2000)
    parser.add_argument("--rate", type=float, help="records a second offered for the latency; half the worker's own")
    parser.add_argument("--watched", type=int, default=2000, help="watched reports of a simulated day")
    parser.add_argument(
        "--development", type=Path, nargs="*", default=[], help="labelled items, for folding and scores"
    )
    parser.add_argument("--only", default=",".join(PARTS))
    return parser.parse_args()


if __name__ == "__main__":
    main()
