"""What a real worker's /metrics says of lookups, caches, breakers and budgets, step by step."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from kafka import KafkaProducer

from tests.chaos.rig import Rig, Supervised
from tests.chaos.test_cache_faults import ROW
from tests.support.lookup_server import ProviderServer, epss, reply, send
from tests.support.lookups import wait_for
from workers.cli.demo_cache import OLD_KEY, keep_an_old_answer
from workers.cli.metrics_page import Samples, fetch_samples, total
from workers.embedded.broker import EmbeddedBroker
from workers.embedded.valkey import EmbeddedValkey
from workers.errors import DependencyError
from workers.settings import load_settings

KNOWN, UNKNOWN, OTHER = "CVE-2022-27225", "CVE-1999-0001", "CVE-2020-0001"
CATALOGUE = """
[[lookup]]
kind = "cve"
provider = "cisa-kev"
enabled = true
internal = true
endpoint = "{url}"
catalogue = true
rows = "/vulnerabilities"
key = "/cveID"
answers = {{ added = "/dateAdded" }}
batch = 1000
deadline_ms = 2000
soft_ttl_s = 3600
hard_ttl_s = 604800
negative_ttl_s = 3600
tlp_ceiling = "AMBER"
"""
CLOSED, OPEN = 0.0, 2.0
PROCESS_TTL_S = 2.0


def catalogue(handler: BaseHTTPRequestHandler, _: ProviderServer) -> None:
    send(handler, 200, {}, json.dumps({"vulnerabilities": [{"cveID": KNOWN, "dateAdded": "2026-01-02"}]}).encode())


class Watched:
    """A worker with lookups, fed one item at a time."""

    def __init__(self, rig: Rig, workers: Supervised) -> None:
        self._rig = rig
        self._workers = workers
        self._fed = 0

    def feed(self, *cves: str, tlp: str = "CLEAR") -> None:
        """One item about these, and wait until the worker has counted it."""
        self._fed += 1
        item = {"id": f"i{self._fed}", "title": f"The flaws {' and '.join(cves)} are exploited.", "tlp": tlp}
        producer = KafkaProducer(bootstrap_servers=self._rig.bootstrap())
        producer.send(self._rig.source, json.dumps(item).encode(), partition=0).get(10)
        producer.close()
        wait_for(lambda: bool(self._workers.events("metrics")), 30)
        wait_for(lambda: self.value("outcomes_total", outcome="tagged") >= self._fed, 30)

    def value(self, name: str, **labels: str) -> float:
        return total(self._samples(), name, **labels)

    def _samples(self) -> Samples:
        """The page; asked again where a busy machine does not answer in time."""
        address = str(self._workers.events("metrics")[-1]["address"])
        for _ in range(4):
            with contextlib.suppress(DependencyError):
                return fetch_samples(address)
        return fetch_samples(address)

    def answers(self) -> dict[str, float]:
        statuses = ("found", "not_found", "stale", "unavailable", "withheld")
        return {status: self.value("lookup_answers_total", kind="cve", status=status) for status in statuses}

    def reads(self, cache: str) -> dict[str, float]:
        results = ("hit", "miss", "stale", "error", "breaker")
        return {result: self.value("cache_requests_total", cache=cache, result=result) for result in results}

    def breaker(self, dependency: str) -> float:
        return self.value("breaker_state", dependency=dependency)


@pytest.fixture
def rig(embedded_broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(lambda: embedded_broker.bootstrap, tmp_path, seed=11)
    yield made
    made.close()


@pytest.fixture
def kev() -> Iterator[ProviderServer]:
    with ProviderServer().running() as running:
        running.behaviour = catalogue
        yield running


@pytest.mark.timeout(120)
def test_each_moves_as_it_says(rig: Rig, kev: ProviderServer, valkey: EmbeddedValkey) -> None:
    with ProviderServer().running() as scores:
        rate = "rate_calls = 1\nrate_period_s = 3600.0\nrate_burst = 20\nbatch = 100"
        row = (
            ROW.format(url=scores.url).replace("batch = 100", rate).replace("hard_ttl_s = 7200", "hard_ttl_s = 604800")
        )
        row = row.replace('"RED"', '"AMBER"')
        (rig.config / "lookups.toml").write_text(row + CATALOGUE.format(url=kev.url), encoding="utf-8")
        workers = rig.start(
            1,
            SHIRASE_STAGES__READ="true",
            SHIRASE_STAGES__LOOK_UP="true",
            SHIRASE_REDIS__URL=valkey.url,
            SHIRASE_REDIS__TIMEOUT_MS="1000",
            SHIRASE_CACHE__PROCESS_TTL_MS=str(int(PROCESS_TTL_S * 1000)),
            SHIRASE_CACHE__BREAKER_OPEN_MS="60000",
        )
        watched = Watched(rig, workers)
        watched.feed(KNOWN, UNKNOWN)
        assert watched.answers() == {"found": 2, "not_found": 2, "stale": 0, "unavailable": 0, "withheld": 0}
        assert watched.reads("process") == {"hit": 0, "miss": 4, "stale": 0, "error": 0, "breaker": 0}
        assert watched.reads("shared") == {"hit": 0, "miss": 2, "stale": 0, "error": 0, "breaker": 0}
        assert watched.value("lookup_duration_seconds_count", kind="cve") == 1
        assert [watched.breaker(name) for name in ("redis", "first-epss", "cisa-kev")] == [CLOSED] * 3
        assert watched.value("lookup_budget_remaining", dependency="first-epss") == 19

        for _ in range(10):  # on a slow machine the process's own time is over before the next item comes
            watched.feed(KNOWN)
            if watched.reads("process")["hit"] > 0:
                break
        assert watched.reads("process")["hit"] > 0
        time.sleep(PROCESS_TTL_S + 0.1)  # the server is asked again
        hits = watched.reads("shared")["hit"]
        watched.feed(KNOWN)
        assert watched.reads("shared")["hit"] == hits + 1
        asked = watched.reads("process")
        watched.feed(KNOWN, tlp="RED")
        assert watched.answers()["withheld"] == 2
        assert watched.reads("process") == asked

        keep_an_old_answer(load_settings(rig.config, None, {"SHIRASE_REDIS__URL": valkey.url}))
        watched.feed(OLD_KEY)  # past its time to refresh
        assert watched.answers()["stale"] == 1
        assert watched.reads("shared")["stale"] == 1
        wait_for(lambda: watched.value("lookup_duration_seconds_count", kind="cve") == 2, 10)

        scores.behaviour = reply(500)
        for number in range(3):
            watched.feed(f"CVE-2021-{1000 + number}")
        assert watched.answers()["unavailable"] == 3
        assert watched.breaker("first-epss") == OPEN
        assert watched.breaker("cisa-kev") == CLOSED
        before = len(scores.requests)
        scores.behaviour = epss
        watched.feed(OTHER)  # left alone
        assert len(scores.requests) == before

        valkey.kill()
        for number in range(4):
            watched.feed(f"CVE-2021-{2000 + number}")
        assert watched.breaker("redis") == OPEN
        assert watched.reads("shared")["error"] > 0
        assert watched.reads("shared")["breaker"] > 0
        assert workers.stop() == 0, rig.logs()
