"""The supervisor: starts worker processes, restarts those that die, forwards signals, and gives up in words.

A worker's exit code says what is to be done: 0 it is done; 1 it stopped for a reason that a person must look at; 78
the configuration is wrong; 75 a passing trouble (fenced, broker away): start again, however often; everything else,
signals included, is a crash: start again with growing delays, and give up after so many within a time.

Where one worker stops for good with an error, the others are stopped too: what stopped it would reach them next.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from workers.ports import Clock
from workers.settings import SupervisorSettings

__all__ = [
    "EXIT_CONFIG",
    "EXIT_CRASH",
    "EXIT_DONE",
    "EXIT_STOPPED",
    "EXIT_TEMPORARY",
    "ChildProcess",
    "Restarts",
    "Supervisor",
    "made_up_instance",
    "spawn_worker",
]

EXIT_DONE = 0
EXIT_STOPPED = 1
EXIT_CRASH = 70  # EX_SOFTWARE of sysexits.h
EXIT_TEMPORARY = 75  # EX_TEMPFAIL
EXIT_CONFIG = 78  # EX_CONFIG
_FINAL = {EXIT_STOPPED, EXIT_CONFIG}


class ChildProcess(Protocol):
    """What the supervisor needs of a process; `subprocess.Popen` has it."""

    pid: int

    def poll(self) -> int | None:
        """The exit code, None while it runs; negative: the signal that ended it."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send a signal."""
        ...


Spawn = Callable[[int], ChildProcess]
Tell = Callable[..., None]


class Restarts:
    """When a worker may be started again. Told the time; keeps what happened within the window."""

    def __init__(self, settings: SupervisorSettings) -> None:
        self._settings = settings
        self._crashes: deque[float] = deque()
        self._in_a_row = 0

    def delay_after(self, now: float, lived_s: float, *, temporary: bool) -> float | None:
        """Seconds to wait before the next start, None where enough is enough."""
        if lived_s >= self._settings.crash_window_s:
            self._in_a_row = 0
        self._in_a_row += 1
        if not temporary:
            self._crashes.append(now)
        while self._crashes and self._crashes[0] <= now - self._settings.crash_window_s:
            self._crashes.popleft()
        if len(self._crashes) >= self._settings.crash_limit:
            return None
        delay: float = self._settings.backoff_initial_s * 2 ** min(self._in_a_row - 1, 30)
        return min(self._settings.backoff_max_s, delay)


class _Slot:
    def __init__(self, number: int, restarts: Restarts) -> None:
        self.number = number
        self.restarts = restarts
        self.process: ChildProcess | None = None
        self.started_at = 0.0
        self.start_at: float | None = 0.0


class Outcome(Struct, frozen=True):
    """How the supervisor ended, and why in words."""

    code: int
    reason: str


class Supervisor:
    """Runs `workers` processes until they are done, are told to stop, or cannot be kept alive."""

    def __init__(
        self, workers: int, settings: SupervisorSettings, *, spawn: Spawn, clock: Clock, grace_s: float, tell: Tell
    ) -> None:
        self._slots = [_Slot(number, Restarts(settings)) for number in range(workers)]
        self._settings = settings
        self._spawn = spawn
        self._clock = clock
        self._grace_s = grace_s
        self._tell = tell
        self._ending: Outcome | None = None
        self._kill_at: float | None = None
        self._asked_to_stop = False

    def stop(self) -> None:
        """Stop the workers politely. Safe to call from a signal handler."""
        self._asked_to_stop = True

    def run(self, pause: Callable[[float], None]) -> int:
        """The exit code. `pause` sleeps between looks at the workers."""
        while True:
            if self._asked_to_stop and self._ending is None:
                self._end(Outcome(EXIT_DONE, "told to stop"))
            for slot in self._slots:
                self._look_at(slot)
            if all(slot.process is None and slot.start_at is None for slot in self._slots):
                break
            self._kill_when_due()
            pause(0.05)
        ending = self._ending or Outcome(EXIT_DONE, "all workers are done")
        self._tell("supervisor_ends", code=ending.code, reason=ending.reason)
        return ending.code

    def _look_at(self, slot: _Slot) -> None:
        now = self._clock.monotonic()
        if slot.process is None:
            if slot.start_at is not None and now >= slot.start_at:
                slot.start_at, slot.started_at = None, now
                slot.process = self._spawn(slot.number)
                self._tell("worker_started", slot=slot.number, worker_pid=slot.process.pid)
            return
        code = slot.process.poll()
        if code is not None:
            slot.process = None
            self._ended(slot, code, now)

    def _ended(self, slot: _Slot, code: int, now: float) -> None:
        self._tell("worker_ended", slot=slot.number, code=code, meaning=_meaning(code))
        if code == EXIT_DONE or self._ending is not None:
            return
        if code in _FINAL:
            self._end(Outcome(code, f"worker {slot.number} {_meaning(code)}"))
            return
        delay = slot.restarts.delay_after(now, now - slot.started_at, temporary=code == EXIT_TEMPORARY)
        if delay is None:
            limit, window = self._settings.crash_limit, self._settings.crash_window_s
            text = f"worker {slot.number} died {limit} times within {window:g} s, the last time: {_meaning(code)}"
            self._end(Outcome(EXIT_CRASH, text))
            return
        slot.start_at = now + delay
        self._tell("worker_restarts", slot=slot.number, delay_s=delay)

    def _end(self, ending: Outcome) -> None:
        self._ending = ending
        self._kill_at = self._clock.monotonic() + self._grace_s
        for slot in self._slots:
            slot.start_at = None
            if slot.process is not None:
                slot.process.send_signal(signal.SIGTERM)

    def _kill_when_due(self) -> None:
        if self._kill_at is not None and self._clock.monotonic() >= self._kill_at:
            self._kill_at = None
            for slot in self._slots:
                if slot.process is not None:
                    self._tell("worker_killed", slot=slot.number, reason="did not end within its grace time")
                    slot.process.send_signal(signal.SIGKILL)


def _meaning(code: int) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return f"ended by {name}" + (" (watchdog: a step took too long)" if name == "SIGALRM" else "")
    words = {
        EXIT_DONE: "done",
        EXIT_STOPPED: "stopped for a reason that a person must look at; its log says which",
        EXIT_CONFIG: "found the configuration wrong",
        EXIT_TEMPORARY: "met a passing trouble (fenced, or the broker is away)",
        EXIT_CRASH: "ended with an unexpected error",
    }
    return words.get(code, f"ended with code {code}")


def made_up_instance() -> str:
    """A name for this supervisor's workers that no other running one has."""
    host = "".join(c if c.isalnum() or c in "._-" else "-" for c in socket.gethostname())[:40]
    return f"{host}-{os.getpid()}-{secrets.token_hex(3)}"


def spawn_worker(command: Sequence[str], instance: str) -> Callable[[int], subprocess.Popen[bytes]]:
    """A function that starts the worker of a slot.

    Its standard input is a pipe that ends when we do, however we end: a worker must not outlive its supervisor. It is a
    session of its own, so that a terminal's Ctrl-C reaches it once, through us.
    """

    def spawn(slot: int) -> subprocess.Popen[bytes]:
        environment = os.environ | {"SHIRASE_KAFKA__INSTANCE": instance}
        return subprocess.Popen(  # noqa: S603 - our own interpreter and our own arguments
            [*command, "--worker-slot", str(slot)], stdin=subprocess.PIPE, env=environment, start_new_session=True
        )

    return spawn
