"""A stream to be disturbed: topics of its own on a broker, a feeder, and supervised workers as real processes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from tests.chaos.checker import Item, Verdict, count_records, judge, read_committed

__all__ = ["PARTITIONS", "Rig", "Supervised"]

PARTITIONS = 4
ROOT = Path(__file__).resolve().parents[2]
_QUICK = {
    "SHIRASE_BATCH__MAX_RECORDS": "150",
    "SHIRASE_KAFKA__SESSION_TIMEOUT_MS": "2000",
    "SHIRASE_KAFKA__HEARTBEAT_INTERVAL_MS": "300",
    "SHIRASE_KAFKA__MAX_POLL_INTERVAL_MS": "30000",
    "SHIRASE_KAFKA__REQUEST_TIMEOUT_MS": "5000",
    "SHIRASE_KAFKA__TRANSACTION_TIMEOUT_MS": "15000",
    "SHIRASE_TAGGER__WATCHDOG_S": "15",
    "SHIRASE_ALERTER__WATCHDOG_S": "15",  # settings are checked together, whoever runs
    "SHIRASE_TAGGER__GRACE_S": "8",
    "SHIRASE_SUPERVISOR__BACKOFF_INITIAL_S": "0.05",
    "SHIRASE_SUPERVISOR__BACKOFF_MAX_S": "0.5",
    "SHIRASE_SUPERVISOR__CRASH_LIMIT": "1000",
    "SHIRASE_METRICS__PORT": "0",
    "SHIRASE_DEAD_LETTER__MAX_IN_A_ROW": "100000",
    "SHIRASE_STAGES__READ": "false",
    "SHIRASE_STAGES__LOOK_UP": "false",
}


class Supervised:
    """A supervisor with its workers, and what they say."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=out, stdout=out)

    def worker_pids(self) -> list[int]:
        """The workers that run now."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        with contextlib.suppress(OSError):
            return [int(pid) for pid in children.read_text().split()]
        return []

    def grown_pids(self, age_s: float) -> list[int]:
        """The workers that have run for so long: past their start, so that a kill meets them at work."""
        return [pid for pid in self.worker_pids() if _age_s(pid) >= age_s]

    def events(self, name: str) -> list[dict[str, object]]:
        """What was logged under this name."""
        lines = self._log.read_text(errors="replace").splitlines()
        parsed = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in parsed if line.get("event") == name]

    def stop(self, within_s: float = 30.0) -> int:
        """Stop politely; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def kill(self) -> None:
        """End everything at once, whatever state it is in."""
        pids = self.worker_pids()
        self.process.kill()
        self.process.wait(10)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Rig:
    """One run: its topics, its settings, its items."""

    def __init__(self, bootstrap: Callable[[], str], folder: Path, *, seed: int) -> None:
        run = uuid.uuid4().hex[:8]
        self.source, self.output, self.dead_letter = (f"chaos-{run}-{part}" for part in ("in", "out", "dead"))
        self.random = random.Random(seed)
        self.bootstrap = bootstrap
        self._folder = folder
        self._group = f"chaos-{run}"
        self._produced = dict.fromkeys(range(PARTITIONS), 0)
        self.config = folder / "config"
        shutil.copytree(ROOT / "config", self.config)
        for table in ("routes.toml", "lookups.toml"):
            (self.config / table).write_text("")
        self._supervised: list[Supervised] = []
        self._before_feeding: int | None = None
        self._create_topics()

    def _create_topics(self) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap())
        wish = {"num_partitions": PARTITIONS, "replication_factor": 1}
        admin.create_topics(dict.fromkeys(self.topics, wish), wait_for_metadata=True)
        admin.close()

    @property
    def topics(self) -> tuple[str, str, str]:
        return self.source, self.output, self.dead_letter

    @property
    def items(self) -> Iterator[Item]:
        """Everything produced so far."""
        return (Item(partition, number) for partition, count in self._produced.items() for number in range(count))

    @property
    def produced(self) -> int:
        return sum(self._produced.values())

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a worker of this run."""
        own = {
            "SHIRASE_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap(),
            "SHIRASE_KAFKA__GROUP": self._group,
            "SHIRASE_TAGGER__SOURCES": json.dumps([self.source]),
            "SHIRASE_TAGGER__OUTPUT": self.output,
            "SHIRASE_TAGGER__DEAD_LETTER": self.dead_letter,
            "PYTHONPATH": str(ROOT),
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SHIRASE_")}
        return clean | _QUICK | own | more

    def start(self, workers: int, *arguments: str, **environment: str) -> Supervised:
        """Start a supervisor with so many workers."""
        command = [sys.executable, "-m", "workers.cli.main", "--config-dir", str(self.config), "run", "tagger"]
        command += ["--workers", str(workers), *arguments]
        log = self._folder / f"supervisor-{len(self._supervised)}.log"
        supervised = Supervised(command, self.environment(**environment), log)
        self._supervised.append(supervised)
        return supervised

    def feed(self, count: int, text: str = "") -> None:
        """Produce `count` more items, each acknowledged."""
        self._before_feeding = self.published()
        producer = KafkaProducer(bootstrap_servers=self.bootstrap(), acks="all", linger_ms=50, compression_type="lz4")
        futures = []
        for at in range(count):
            partition = at % PARTITIONS
            item = Item(partition, self._produced[partition])
            self._produced[partition] += 1
            futures.append(producer.send(self.source, item.value(text), key=item.key, partition=partition))
        producer.flush(60)
        for future in futures:
            future.get(1)
        producer.close()

    def published(self) -> int:
        """About how many records stand in the outputs, aborted ones and transaction markers included."""
        consumer = KafkaConsumer(
            bootstrap_servers=self.bootstrap(), bootstrap_timeout_ms=5_000, enable_auto_commit=False
        )
        try:
            places = [TopicPartition(t, p) for t in (self.output, self.dead_letter) for p in range(PARTITIONS)]
            return sum(consumer.end_offsets(places).values())
        finally:
            consumer.close()

    def wait_for_progress(self, within_s: float = 60.0) -> None:
        """Wait until the workers publish something more: than before the last feeding, or than now."""
        start, self._before_feeding = self._before_feeding, None
        if start is None:
            start = self.published()
        self._wait(lambda: self.published() > start or self._is_all_out(), within_s, "no worker publishes anything")

    def _is_all_out(self) -> bool:
        outputs = (self.output, self.dead_letter)
        return count_records(self.bootstrap(), outputs, "read_committed") >= self.produced

    def wait_until_all_is_out(self, within_s: float = 120.0) -> None:
        """Wait until as many committed records stand in the outputs as items were produced."""
        self._wait(self._is_all_out, within_s, "items are missing")

    def _wait(self, holds: Callable[[], bool], within_s: float, trouble: str) -> None:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            with contextlib.suppress(KafkaError):
                if holds():
                    return
            time.sleep(0.1)
        raise AssertionError(f"{trouble} after {within_s:g} s: {self.verdict()}\n{self.logs()}")

    def verdict(self) -> Verdict:
        """What the checker says now."""
        seen = read_committed(self.bootstrap(), (self.output, self.dead_letter))
        return judge(self.items, seen, dead_letter=self.dead_letter)

    def aborted(self) -> int:
        """How many records were written and never committed: kills that met an open transaction."""
        outputs = (self.output, self.dead_letter)
        everything = count_records(self.bootstrap(), outputs, "read_uncommitted")
        return everything - count_records(self.bootstrap(), outputs, "read_committed")

    def logs(self) -> str:
        """The end of what every supervisor and worker said."""
        return "\n".join(
            "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            for log in sorted(self._folder.glob("supervisor-*.log"))
        )

    def close(self) -> None:
        """End every process of this run."""
        for supervised in self._supervised:
            if supervised.process.poll() is None:
                supervised.kill()


def _age_s(pid: int) -> float:
    try:
        started_ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, IndexError):
        return 0.0
    return uptime_s - started_ticks / os.sysconf("SC_CLK_TCK")
