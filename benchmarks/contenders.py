"""The contenders of the stream benchmark: each copies or tags one topic into another, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

__all__ = ["Contender", "Job", "contenders", "peer_python", "shirase_environment"]

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "benchmarks" / "peers"
ROUTES = ("cn", "kp", "ru", "ir", "japan", "sector.financial-services", "sector.technology")


class Job(Struct, frozen=True, kw_only=True):
    """One run: `count` records of `source` into `output`, batches of `batch`."""

    bootstrap: str
    source: str
    output: str
    count: int
    batch: int

    def topics(self) -> list[str]:
        """The topics that the run writes to."""
        return [self.output, f"{self.output}.dead", *(f"{self.output}.{route}" for route in ROUTES)]


class Contender(Struct, frozen=True, kw_only=True):
    """A name for the table, the command of a job, and the environment it runs in."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = {}
    uses_arguments: bool = True

    def run(self, job: Job, timeout_s: float) -> None:
        """Runs the job to its end.

        Raises RuntimeError where it fails, subprocess.TimeoutExpired where it does not end.
        """
        arguments = [job.bootstrap, job.source, job.output, str(job.count)] if self.uses_arguments else []
        extra = [str(job.batch)] if "benchmarks.passthrough" in self.command else []
        environment = {**os.environ, **shirase_environment(job), **self.environment}
        done = subprocess.run(
            [*self.command, *arguments, *extra],
            env=environment,
            cwd=ROOT,
            timeout=timeout_s,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{self.name} ended with {done.returncode}: {done.stderr[-2000:]}")


def shirase_environment(job: Job) -> dict[str, str]:
    """The settings that make our worker do the job."""
    return {
        "SHIRASE_KAFKA__BOOTSTRAP_SERVERS": job.bootstrap,
        "SHIRASE_KAFKA__GROUP": job.output,
        "SHIRASE_TAGGER__SOURCES": json.dumps([job.source]),
        "SHIRASE_TAGGER__OUTPUT": job.output,
        "SHIRASE_TAGGER__DEAD_LETTER": f"{job.output}.dead",
        "SHIRASE_BATCH__MAX_RECORDS": str(job.batch),
        "SHIRASE_METRICS__PORT": "0",
        "SHIRASE_LOG__LEVEL": "warning",
    }


def peer_python() -> Path:
    """The Python of the peers' virtual environment."""
    return Path(os.environ.get("BENCH_PEERS", ROOT / ".venv-bench")) / "bin" / "python"


def contenders() -> list[Contender]:
    """All of them, the yardstick first. The peers are left out where their environment is missing."""
    worker = (sys.executable, "-m", "workers.cli.main", "run", "tagger", "--until-idle")
    off = {"SHIRASE_STAGES__READ": "false", "SHIRASE_STAGES__LOOK_UP": "false"}
    ours = [
        Contender(name="(a) kafka-python pass-through", command=(sys.executable, "-m", "benchmarks.passthrough")),
        Contender(name="(b) shirase, reading and lookups off", command=worker, environment=off, uses_arguments=False),
        Contender(name="(c) shirase, whole", command=worker, uses_arguments=False),
    ]
    return ours + _peers()


def _peers() -> list[Contender]:
    python = str(peer_python())
    if not Path(python).exists():
        return []
    return [
        Contender(name="(d) Quix Streams, bytes through", command=(python, str(PEERS / "quix_passthrough.py"))),
        Contender(
            name="(d) Faust, bytes through (no transactions)", command=(python, str(PEERS / "faust_passthrough.py"))
        ),
    ]
