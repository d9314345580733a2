"""Throughput over Apache Kafka: contenders in turn, several rounds, rates read from the output by an outsider."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.broker import create_topics, load_topic, middle_rate, output_times
from benchmarks.contenders import Contender, Job, contenders

__all__ = ["measure_capacity", "measure_stream"]

SOURCE = "bench.source"
RUN_LIMIT_S = 600.0


def measure_stream(bootstrap: str, values: Sequence[bytes], *, batch: int, rounds: int) -> list[str]:
    """The table's lines, Markdown. Contenders alternate, so that a slow spell of the machine hits all of them."""
    create_topics(bootstrap, [SOURCE])
    load_topic(bootstrap, SOURCE, values)
    runners = contenders()
    rates: dict[str, list[float]] = {runner.name: [] for runner in runners}
    for turn in range(rounds):
        for number, runner in enumerate(runners):
            job = _job(bootstrap, number, turn, len(values), batch)
            rates[runner.name].append(_rate(runner, job))
            print(f"round {turn + 1}: {runner.name}: {rates[runner.name][-1]:,.0f} records/s", flush=True)
    return _table(rates)


def measure_capacity(bootstrap: str, values: Sequence[bytes], *, batch: int) -> float:
    """Records a second that our whole worker takes at most here."""
    ours = next(contender for contender in contenders() if contender.name.startswith("(c)"))
    job = Job(bootstrap=bootstrap, source="bench.most", output="bench.capacity", count=len(values), batch=batch)
    create_topics(bootstrap, [job.source, *job.topics()])
    load_topic(bootstrap, job.source, values)
    return _rate(ours, job)


def _job(bootstrap: str, number: int, turn: int, count: int, batch: int) -> Job:
    job = Job(bootstrap=bootstrap, source=SOURCE, output=f"bench.out-{number}-{turn}", count=count, batch=batch)
    create_topics(bootstrap, job.topics())
    return job


def _rate(runner: Contender, job: Job) -> float:
    runner.run(job, RUN_LIMIT_S)
    times = output_times(job.bootstrap, job.output, job.count)
    if len(times) != job.count:
        print(f"  {runner.name}: {len(times)} of {job.count} records are there", flush=True)
    return middle_rate(times)


def _table(rates: dict[str, list[float]]) -> list[str]:
    yardstick = statistics.median(next(iter(rates.values())))
    lines = ["| contender | records/s (median) | of the pass-through | all rounds |", "|---|---|---|---|"]
    for name, seen in rates.items():
        middle = statistics.median(seen)
        every = ", ".join(f"{rate:,.0f}" for rate in seen)
        lines.append(f"| {name} | {middle:,.0f} | {middle / yardstick:.0%} | {every} |")
    return lines
