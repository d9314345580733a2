"""Memory of one worker while 100,000 items flow: resident set, sampled as it goes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.broker import create_topics
from benchmarks.contenders import ROOT, Job, shirase_environment

__all__ = ["children_of", "measure_memory"]


def measure_memory(job: Job) -> list[str]:
    """The table's lines, Markdown. `job.source` must hold the items."""
    create_topics(job.bootstrap, job.topics())
    worker = subprocess.Popen(
        [sys.executable, "-m", "workers.cli.main", "run", "tagger", "--until-idle"],
        env={**os.environ, **shirase_environment(job)},
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    samples: list[int] = []
    while worker.poll() is None:
        samples.append(max((_resident_mb(pid) for pid in children_of(worker.pid)), default=0))
        time.sleep(0.5)
    seen = [sample for sample in samples if sample]
    marks = [seen[min(len(seen) - 1, int(len(seen) * share))] for share in (0.25, 0.5, 0.75, 0.95)]
    return [
        "| items | MB at a quarter | at half | at three quarters | at the end | most |",
        "|---|---|---|---|---|---|",
        f"| {job.count:,} | {' | '.join(str(mark) for mark in marks)} | {max(seen)} |",
    ]


def children_of(parent: int) -> list[int]:
    """The processes that `parent` has started and that still are."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    return found


def _resident_mb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS:")), 0)
