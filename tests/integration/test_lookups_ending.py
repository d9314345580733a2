"""A worker that ends while a provider hangs: on a signal, and on an error that it cannot go on from. Neither waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer

from tests.chaos.rig import Rig, Supervised
from tests.chaos.test_cache_faults import ROW
from tests.support.lookup_server import ProviderServer, hang
from tests.support.lookups import wait_for
from workers.embedded.broker import EmbeddedBroker

LONG_MS = 9_000
"""How long a call to the provider may take."""
WITHIN_S = 8.0
"""Two seconds are given to calls under way; the rest is for the stream, and for a slow machine."""


@pytest.fixture
def rig(embedded_broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(lambda: embedded_broker.bootstrap, tmp_path, seed=3)
    yield made
    made.close()


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    with ProviderServer().running() as running:
        running.behaviour = hang
        yield running


def start(rig: Rig, provider: ProviderServer) -> Supervised:
    """A worker whose calls hang: they have just begun."""
    row = ROW.format(url=provider.url).replace("deadline_ms = 1000", f"deadline_ms = 50\ntimeout_ms = {LONG_MS}")
    (rig.config / "lookups.toml").write_text(row.replace("batch = 100", "batch = 1"), encoding="utf-8")
    workers = rig.start(
        1,
        SHIRASE_STAGES__READ="true",
        SHIRASE_STAGES__LOOK_UP="true",
        SHIRASE_DEAD_LETTER__MAX_IN_A_ROW="3",
        SHIRASE_SUPERVISOR__CRASH_LIMIT="1",
    )
    rig.feed(4, "The flaws CVE-2026-1000, CVE-2026-1001 and CVE-2026-1002 are exploited.")
    rig.wait_until_all_is_out(60)
    wait_for(lambda: len(provider.requests) >= 3, 10)
    return workers


@pytest.mark.timeout(90)
def test_told_to_stop_it_stops(rig: Rig, provider: ProviderServer) -> None:
    workers = start(rig, provider)
    started = time.monotonic()
    assert workers.stop() == 0, rig.logs()
    assert time.monotonic() - started < WITHIN_S
    assert [event["code"] for event in workers.events("worker_ended")] == [0]


@pytest.mark.timeout(90)
def test_where_it_cannot_go_on_it_ends_too(rig: Rig, provider: ProviderServer) -> None:
    workers = start(rig, provider)
    started = time.monotonic()
    producer = KafkaProducer(bootstrap_servers=rig.bootstrap())
    for _ in range(5):
        producer.send(rig.source, b"no item", partition=0).get(10)
    producer.close()
    wait_for(lambda: bool(workers.events("worker_ended")), 30)
    assert time.monotonic() - started < WITHIN_S
    assert workers.events("worker_ended")[0]["code"] not in {0, -9}, rig.logs()
    assert workers.events("stopped")[0]["code"] == "dead-letter-limit", rig.logs()
