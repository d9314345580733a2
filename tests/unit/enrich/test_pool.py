from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from tests.support.lookups import FakeClock, ScriptedProvider, build, request_for, row_for, wait_for
from workers.adapters.process import SystemClock
from workers.enrich.pool import ThreadPool

CLOCK = SystemClock()


@pytest.fixture
def hold() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_it_runs_at_most_so_many_at_once_and_refuses_beyond_its_backlog(hold: threading.Event) -> None:
    pool = ThreadPool("t", threads=2, backlog=2)
    running: list[str] = []

    def task() -> None:
        running.append(threading.current_thread().name)
        hold.wait(10)

    assert [pool.submit(task) for _ in range(5)] == [True, True, True, True, False]
    wait_for(lambda: len(running) == 2)
    hold.set()
    wait_for(lambda: len(running) == 4)
    assert len(set(running)) <= 2
    assert pool.close(CLOCK, CLOCK.monotonic() + 5)


def test_closing_waits_no_longer_than_told(hold: threading.Event) -> None:
    pool = ThreadPool("t", threads=1)
    assert pool.submit(partial(_wait, hold))
    started = CLOCK.monotonic()
    assert not pool.close(CLOCK, started + 0.05)
    assert CLOCK.monotonic() - started < 1
    assert not pool.submit(lambda: None)


def _wait(event: threading.Event) -> None:
    event.wait(10)


def test_it_closes_without_ever_having_worked() -> None:
    assert ThreadPool("t", threads=1).close(CLOCK, CLOCK.monotonic())


def test_a_task_that_breaks_takes_its_thread_along_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda hook: shown.append(hook.exc_type))
    pool = ThreadPool("t", threads=1)
    done = threading.Event()

    def broken() -> None:
        raise RuntimeError("a bug")

    for _ in range(3):
        assert pool.submit(broken)
    assert pool.submit(done.set)
    assert done.wait(5)
    wait_for(lambda: shown == [RuntimeError] * 3)
    assert pool.close(CLOCK, CLOCK.monotonic() + 5)


def test_rows_of_one_provider_share_its_calls_at_once() -> None:
    clock, one, other = FakeClock(), ScriptedProvider({"CVE-1": {"n": 1}}), ScriptedProvider({"CVE-1": {"n": 2}})
    rows = [row_for(one, concurrency=1, deadline_ms=20), row_for(other, concurrency=1, deadline_ms=20)]
    enricher = build(rows, clock)
    one.gate.clear()
    other.gate.clear()
    enricher.look_up([request_for("CVE-1")])
    assert len(one.calls) + len(other.calls) <= 1
    one.gate.set()
    other.gate.set()
    wait_for(lambda: not any(fetcher._in_air for fetcher in enricher._fetchers.values()))
    assert (one.calls, other.calls) == ([["CVE-1"]], [["CVE-1"]])
    enricher.close()
