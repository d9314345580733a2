"""A stream of tagged events with known stories, real alerters that are disturbed, and a judge that reads from outside.

The judge knows the stories that were fed, and folds the committed digests of each partition anew, from the first to the
last, in one go: what an undisturbed alerter would have raised. Both must agree with what any reader of committed records
finds in the topic of alerts.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from tests.chaos.alert_verdict import AlertVerdict
from tests.chaos.checker import _records
from tests.chaos.rig import ROOT, Supervised
from tests.chaos.story_events import story_event
from workers.alerter.folding import fold
from workers.alerter.packing import unpacked
from workers.alerter.rules import build_rules
from workers.alerter.shard import ShardState
from workers.formats.alert import decode_alert
from workers.settings.alerts import load_alert_settings

__all__ = ["AlerterRig"]

PARTITIONS = 4
STANDS_ASIDE = (
    75  # a machine that stood still cost an alerter its place: a supervisor starts it again, and so does the rig
)
_QUICK = {
    "SHIRASE_KAFKA__SESSION_TIMEOUT_MS": "2000",
    "SHIRASE_KAFKA__HEARTBEAT_INTERVAL_MS": "300",
    "SHIRASE_KAFKA__MAX_POLL_INTERVAL_MS": "30000",
    "SHIRASE_KAFKA__REQUEST_TIMEOUT_MS": "10000",
    "SHIRASE_KAFKA__TRANSACTION_TIMEOUT_MS": "15000",
    "SHIRASE_TAGGER__WATCHDOG_S": "20",
    "SHIRASE_ALERTER__MAX_RECORDS": "40",
    "SHIRASE_ALERTER__WATCHDOG_S": "20",
    "SHIRASE_ALERTER__GRACE_S": "10",
    "SHIRASE_ALERTER__METRICS_PORT": "0",
    "SHIRASE_METRICS__STALLED_AFTER_S": "20",
    "SHIRASE_SUPERVISOR__BACKOFF_INITIAL_S": "0.05",
    "SHIRASE_SUPERVISOR__BACKOFF_MAX_S": "0.2",
    "SHIRASE_SUPERVISOR__CRASH_LIMIT": "1000",
}


class AlerterRig:
    """One run: its topics, its settings, its stories."""

    def __init__(self, bootstrap: Callable[[], str], folder: Path, *, seed: int) -> None:
        run = uuid.uuid4().hex[:8]
        self.random = random.Random(seed)
        self.bootstrap = bootstrap
        self._folder = folder
        self._group = f"alerter-{run}"
        self._names = {
            part: f"{part}-{run}"
            for part in ("tagged", "dead", "stories", "state", "alerts", "held", "acks", "undelivered")
        }
        self.config = folder / "config"
        shutil.copytree(ROOT / "config", self.config)
        self._allow_many_alerts()
        self._supervised: list[Supervised] = []
        self._again: Callable[[], Supervised] = lambda: self.start(1)
        self._fed: set[int] = set()
        self._second = 0
        admin = KafkaAdminClient(bootstrap_servers=bootstrap())
        wish = {"num_partitions": PARTITIONS, "replication_factor": 1}
        admin.create_topics(dict.fromkeys(self._names.values(), wish), wait_for_metadata=True)
        admin.close()

    def _allow_many_alerts(self) -> None:
        file = self.config / "alerts.toml"
        text = re.sub(
            r"^per_(hour|day) = \d+", r"per_\1 = 1000000", file.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        file.write_text(text, encoding="utf-8")

    def topic(self, part: str) -> str:
        """The run's name of a topic."""
        return self._names[part]

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of an alerter of this run."""
        own = {
            "SHIRASE_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap(),
            "SHIRASE_TAGGER__OUTPUT": self.topic("tagged"),
            "SHIRASE_TAGGER__DEAD_LETTER": self.topic("dead"),
            "SHIRASE_ALERTER__GROUP": self._group,
            "SHIRASE_ALERTER__STORIES": self.topic("stories"),
            "SHIRASE_ALERTER__STATE": self.topic("state"),
            "SHIRASE_ALERTER__ALERTS": self.topic("alerts"),
            "SHIRASE_ALERTER__SUPPRESSED": self.topic("held"),
            "SHIRASE_ALERTER__ACKS": self.topic("acks"),
            "SHIRASE_ALERTER__UNDELIVERED": self.topic("undelivered"),
            "PYTHONPATH": str(ROOT),
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SHIRASE_")}
        return clean | _QUICK | own | more

    def start(self, workers: int, *module: str, **environment: str) -> Supervised:
        """Start a supervisor with so many alerters; `module` replaces the program by another one."""
        command = [sys.executable, "-m", *(module or ("workers.cli.main",)), "--config-dir", str(self.config)]
        if not module:
            command += ["run", "alerter", "--workers", str(workers)]
        log = self._folder / f"alerter-{len(self._supervised)}.log"
        supervised = Supervised(command, self.environment(**environment), log)
        self._supervised.append(supervised)
        self._again = lambda: self.start(workers, *module, **environment)
        return supervised

    def feed(self, stories: int, outlets: int = 3) -> None:
        """Feed so many more stories, each told by so many outlets, mixed; with a record that is no event."""
        first = len(self._fed)
        numbers = range(first, first + stories)
        self._tell([(number, outlet) for number in numbers for outlet in range(outlets)])
        self._fed.update(numbers)

    def tell_again(self, stories: int) -> None:
        """Further outlets tell the first stories."""
        self._tell([(number, outlet) for number in range(stories) for outlet in (7, 8)])

    def _tell(self, told: list[tuple[int, int]]) -> None:
        self.random.shuffle(told)
        producer = KafkaProducer(bootstrap_servers=self.bootstrap(), acks="all", linger_ms=20)
        futures = []
        for number, outlet in told:
            self._second += 1
            event = story_event(number, outlet, self._second, country=("CN", "KP")[number % 2])
            key = event.item.id.encode()
            futures.append(producer.send(self.topic("tagged"), msgspec.json.encode(event), key=key))
        futures.append(producer.send(self.topic("tagged"), b"\xff no event", key=b"poison"))
        producer.flush(60)
        for future in futures:
            future.get(1)
        producer.close()

    def alerts_out(self) -> int:
        """How many alerts stand in the topic, committed."""
        return sum(1 for _ in _records(self.bootstrap(), [self.topic("alerts")], "read_committed"))

    def digests_out(self) -> int:
        """How many records stand in the topic of digests, committed or not yet."""
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap())
        topic = self.topic("stories")
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        ends = consumer.end_offsets(places)
        consumer.close()
        return sum(ends.values())

    def wait_for_digests(self, more_than: int, within_s: float = 60.0) -> None:
        """Wait until there are more records of digests than that."""
        self._wait(lambda: self.digests_out() > more_than, within_s, "no further digest came", pause_s=0.02)

    def wait_for_alerts(self, more_than: int, within_s: float = 60.0) -> int:
        """Wait until there are more alerts than that."""
        found = 0

        def enough() -> bool:
            nonlocal found
            found = self.alerts_out()
            return found > more_than

        self._wait(enough, within_s, "no further alert came")
        return found

    def wait_until_all_is_told(self, within_s: float = 60.0) -> AlertVerdict:
        """Wait until every story has its alert and nothing the judge expects is missing; what the judge says."""
        found = AlertVerdict()

        def is_told() -> bool:
            nonlocal found
            found = self.verdict()
            return not (found.silent_stories or found.missed)

        self._wait(is_told, within_s, "alerts are missing")
        return found

    def _wait(self, holds: Callable[[], bool], within_s: float, trouble: str, pause_s: float = 0.2) -> None:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if holds():
                return
            ended = self._supervised[-1].process.poll()
            if ended == STANDS_ASIDE:
                ended = self._again().process.poll()
            assert not ended, f"the alerter ended with {ended}\n{self.logs()}"
            time.sleep(pause_s)
        raise AssertionError(f"{trouble} after {within_s:g} s: {self.verdict()}\n{self.logs()}")

    def verdict(self) -> AlertVerdict:
        """What the judge says now."""
        expected, digests, repeats = self._expected()
        records = _records(self.bootstrap(), [self.topic("alerts")], "read_committed")
        alerts = [decode_alert(record.value) for record in records]
        found = Counter(alert.id for alert in alerts)
        told = {alert.item.id.split("-")[1] for alert in alerts if alert.reason == "new-story"}
        return AlertVerdict(
            doubled=[one for one, times in found.items() if times > 1],
            missed=sorted(expected - found.keys()),
            unfounded=sorted(found.keys() - expected),
            silent_stories=sorted(str(number) for number in self._fed if str(number) not in told),
            alerts=len(alerts),
            digests=digests,
            repeats=repeats,
        )

    def _expected(self) -> tuple[set[str], int, int]:
        """The ids of the alerts that one fold of all committed digests raises, and how many digests there are."""
        rules = build_rules(load_alert_settings(self.config))
        shards: dict[str, ShardState] = {}
        expected: list[str] = []
        seen: Counter[tuple[str, str]] = Counter()
        for record in self._in_order():
            for digest in unpacked(record.value):
                seen[digest.shard, digest.event_id] += 1
                state = shards.setdefault(digest.shard, ShardState(digest.shard))
                expected += [alert.id for alert in fold(state, digest, rules).alerts]
        assert len(expected) == len(set(expected)), "the fold itself raised an alert twice"
        return set(expected), seen.total(), seen.total() - len(seen)

    def _in_order(self) -> Iterator[Any]:
        records = list(_records(self.bootstrap(), [self.topic("stories")], "read_committed"))
        yield from sorted(records, key=lambda record: (record.partition, record.offset))

    def dead_letters(self) -> list[str]:
        """The reasons of what was dead-lettered."""
        records = _records(self.bootstrap(), [self.topic("dead")], "read_committed")
        return [dict(record.headers)["shirase-error-code"].decode() for record in records]

    def aborted(self) -> int:
        """How many alerts were written and never committed: kills that met an open transaction."""
        everything = sum(1 for _ in _records(self.bootstrap(), [self.topic("alerts")], "read_uncommitted"))
        return everything - self.alerts_out()

    def logs(self) -> str:
        """The end of what every supervisor and worker said."""
        return "\n".join(
            "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            for log in sorted(self._folder.glob("alerter-*.log"))
        )

    def close(self) -> None:
        """End every process of this run."""
        for supervised in self._supervised:
            if supervised.process.poll() is None:
                supervised.kill()
