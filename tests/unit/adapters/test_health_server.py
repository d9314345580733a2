"""The health port: metrics, liveness and readiness with the reason in words."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.unit.tagger.fakes import FakeClock
from workers.adapters.health_server import HealthServer, HealthSources
from workers.tagger.health import LoopHealth


@pytest.fixture
def health() -> LoopHealth:
    return LoopHealth(FakeClock(), 60.0)


@pytest.fixture
def server(health: LoopHealth) -> Iterator[HealthServer]:
    sources = HealthSources(
        metrics=lambda: b"a_metric 1\n",
        metrics_type="text/plain; version=0.0.4",
        why_not_live=health.why_not_live,
        why_not_ready=health.why_not_ready,
    )
    running = HealthServer("127.0.0.1", 0, sources)
    yield running
    running.close()


def get(server: HealthServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_are_served(server: HealthServer) -> None:
    assert get(server, "/metrics") == (200, "a_metric 1\n")


def test_readiness_says_why_not_and_follows_the_loop(server: HealthServer, health: LoopHealth) -> None:
    assert get(server, "/readyz") == (503, "starting: the loop has not turned yet\n")
    assert get(server, "/livez") == (200, "ok\n")
    health.turned()
    assert get(server, "/readyz") == (200, "ok\n")
    health.not_ready("stopping")
    assert get(server, "/readyz") == (503, "stopping\n")


def test_a_loop_that_does_not_turn_is_neither_live_nor_ready() -> None:
    clock = FakeClock()
    health = LoopHealth(clock, 60.0)
    health.turned()
    clock.now += 61
    assert health.why_not_live() == "the loop has not turned for 61 s (limit 60 s)"
    assert health.why_not_ready() == health.why_not_live()


def test_other_paths_are_not_found(server: HealthServer) -> None:
    assert get(server, "/")[0] == 404


def test_a_slow_reader_does_not_hold_up_others(server: HealthServer) -> None:
    gate = threading.Event()
    asked = threading.Event()

    def slow() -> bytes:
        asked.set()
        gate.wait(10)
        return b"late"

    object.__setattr__(server, "_sources", _with_metrics(server, slow))
    thread = threading.Thread(target=get, args=(server, "/metrics"))
    thread.start()
    assert asked.wait(5)
    assert get(server, "/livez") == (200, "ok\n")
    gate.set()
    thread.join(5)


def _with_metrics(server: HealthServer, metrics: object) -> HealthSources:
    sources = server._sources
    return HealthSources(
        metrics=metrics,  # type: ignore[arg-type]
        metrics_type=sources.metrics_type,
        why_not_live=sources.why_not_live,
        why_not_ready=sources.why_not_ready,
    )


def test_a_port_in_use_is_an_error(server: HealthServer) -> None:
    with pytest.raises(OSError, match="in use"):
        HealthServer("127.0.0.1", server.port, server._sources)
