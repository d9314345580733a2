"""The supervisor over scripted processes and a clock that is told the time."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.unit.tagger.fakes import FakeClock
from workers.adapters.supervisor import (
    EXIT_CONFIG,
    EXIT_CRASH,
    EXIT_DONE,
    EXIT_STOPPED,
    EXIT_TEMPORARY,
    Supervisor,
    made_up_instance,
)
from workers.settings import SupervisorSettings

SETTINGS = SupervisorSettings(backoff_initial_s=1.0, backoff_max_s=4.0, crash_limit=4, crash_window_s=100.0)


class Child:
    """Runs for `lives_s`, then ends with `code`; or ends on SIGTERM after `obeys_s`."""

    def __init__(self, clock: FakeClock, lives_s: float, code: int, obeys_s: float | None = 0.0) -> None:
        self.pid = 1
        self.signals: list[int] = []
        self._clock = clock
        self._ends_at = clock.now + lives_s
        self._code = code
        self._obeys_s = obeys_s

    def poll(self) -> int | None:
        return self._code if self._clock.now >= self._ends_at else None

    def send_signal(self, sig: int) -> None:
        self.signals.append(sig)
        if sig == signal.SIGKILL:
            self._ends_at, self._code = self._clock.now, -signal.SIGKILL
        elif self._obeys_s is not None:
            self._ends_at, self._code = self._clock.now + self._obeys_s, 0


class Rig:
    """A supervisor whose children follow a script: (lives_s, code) for each start."""

    def __init__(self, script: list[tuple[float, int]], workers: int = 1, obeys_s: float | None = 0.0) -> None:
        self.clock = FakeClock()
        self.children: list[Child] = []
        self.starts: list[tuple[float, int]] = []
        self.told: list[tuple[str, dict[str, object]]] = []
        self._script = iter(script)
        self._obeys_s = obeys_s
        self.supervisor = Supervisor(
            workers, SETTINGS, spawn=self._spawn, clock=self.clock, grace_s=5.0, tell=self._tell
        )

    def _spawn(self, slot: int) -> Child:
        lives_s, code = next(self._script, (1e9, 0))
        self.starts.append((self.clock.now - 1_000.0, slot))
        child = Child(self.clock, lives_s, code, self._obeys_s)
        self.children.append(child)
        return child

    def _tell(self, event: str, **fields: object) -> None:
        self.told.append((event, fields))

    def run(self, at: dict[float, Callable[[], None]] | None = None) -> int:
        due = dict(at or {})

        def pause(seconds: float) -> None:
            self.clock.now += seconds
            for moment in [m for m in due if self.clock.now - 1_000.0 >= m]:
                due.pop(moment)()

        return self.supervisor.run(pause)

    @property
    def reason(self) -> str:
        return str(self.told[-1][1]["reason"])


def test_workers_that_are_done_end_it_with_success() -> None:
    rig = Rig([(1.0, EXIT_DONE), (3.0, EXIT_DONE)], workers=2)
    assert rig.run() == 0
    assert rig.starts == [(0.0, 0), (0.0, 1)]
    assert rig.reason == "all workers are done"


@pytest.mark.parametrize("code", [EXIT_CRASH, -signal.SIGKILL, -signal.SIGALRM, EXIT_TEMPORARY, 3])
def test_a_dead_worker_is_started_again_after_growing_delays(code: int) -> None:
    rig = Rig([(1.0, code), (1.0, code), (1.0, code), (1.0, EXIT_DONE)])
    assert rig.run() == 0
    delays = [later - earlier - 1.0 for (earlier, _), (later, _) in zip(rig.starts, rig.starts[1:], strict=False)]
    assert [round(delay) for delay in delays] == [1, 2, 4]


def test_a_crash_loop_ends_in_words() -> None:
    rig = Rig([(0.5, EXIT_CRASH)] * 10)
    assert rig.run() == EXIT_CRASH
    assert len(rig.starts) == SETTINGS.crash_limit
    assert rig.reason == "worker 0 died 4 times within 100 s, the last time: ended with an unexpected error"


def test_a_passing_trouble_never_counts_as_a_crash_loop() -> None:
    rig = Rig([(0.5, EXIT_TEMPORARY)] * 20 + [(0.5, EXIT_DONE)])
    assert rig.run() == 0
    assert len(rig.starts) == 21


def test_crashes_far_apart_are_no_crash_loop() -> None:
    rig = Rig([(120.0, EXIT_CRASH)] * 6 + [(1.0, EXIT_DONE)])
    assert rig.run() == 0


@pytest.mark.parametrize("code", [EXIT_STOPPED, EXIT_CONFIG])
def test_a_final_error_is_not_restarted_and_stops_the_others(code: int) -> None:
    rig = Rig([(1e9, 0), (2.0, code)], workers=2)
    assert rig.run() == code
    assert len(rig.starts) == 2
    assert rig.children[0].signals == [signal.SIGTERM]
    assert rig.reason.startswith("worker 1 ")


def test_a_stop_is_forwarded_once_and_waited_for() -> None:
    rig = Rig([(1e9, 0), (1e9, 0)], workers=2, obeys_s=3.0)
    assert rig.run({2.0: rig.supervisor.stop}) == 0
    assert [child.signals for child in rig.children] == [[signal.SIGTERM], [signal.SIGTERM]]
    assert rig.clock.now >= 1_005.0


def test_a_worker_that_does_not_stop_within_its_grace_time_is_killed() -> None:
    rig = Rig([(1e9, 0)], obeys_s=None)
    assert rig.run({1.0: rig.supervisor.stop}) == 0
    assert rig.children[0].signals == [signal.SIGTERM, signal.SIGKILL]
    assert ("worker_killed", {"slot": 0, "reason": "did not end within its grace time"}) in rig.told


def test_a_stop_during_a_delay_starts_nothing_more() -> None:
    rig = Rig([(0.5, EXIT_CRASH), (0.5, EXIT_CRASH), (1e9, 0)])
    assert rig.run({2.0: rig.supervisor.stop}) == 0
    assert len(rig.starts) == 2


def test_endings_are_told_in_words() -> None:
    rig = Rig([(0.5, -signal.SIGALRM), (0.5, EXIT_TEMPORARY), (0.5, 99), (0.5, 0)])
    rig.run()
    meanings = [fields["meaning"] for event, fields in rig.told if event == "worker_ended"]
    assert meanings == [
        "ended by SIGALRM (watchdog: a step took too long)",
        "met a passing trouble (fenced, or the broker is away)",
        "ended with code 99",
        "done",
    ]


def test_made_up_instances_differ_and_suit_a_transactional_id() -> None:
    first, second = made_up_instance(), made_up_instance()
    assert first != second
    assert all(c.isalnum() or c in "._-" for c in first)
    assert len(first) <= 100
