"""What a worker asks of the operating system: the time, and a timer that ends a process which hangs.

The watchdog is the kernel's interval timer with the default action of SIGALRM: it needs no thread of ours and no
lock, so it also works while the main thread is blocked inside a client call that never returns.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
from typing import TextIO

__all__ = ["AlarmWatchdog", "SystemClock", "end_with_parent"]


class SystemClock:
    """The port Clock on the system's clocks."""

    def wall(self) -> float:
        """See `workers.ports.Clock`."""
        return time.time()

    def monotonic(self) -> float:
        """See `workers.ports.Clock`."""
        return time.monotonic()


class AlarmWatchdog:
    """The port Watchdog on SIGALRM. To be built in the main thread, one per process."""

    def __init__(self, stacks_to: TextIO = sys.stderr) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        # chain: after every thread's stack is printed the default action follows, which ends the process.
        faulthandler.register(signal.SIGALRM, file=stacks_to, all_threads=True, chain=True)
        self._ends_at: float | None = None

    def arm(self, seconds: float) -> None:
        """See `workers.ports.Watchdog`. Never beyond the time set by `end_within`."""
        if self._ends_at is not None:
            seconds = min(seconds, max(0.001, self._ends_at - time.monotonic()))
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def disarm(self) -> None:
        """See `workers.ports.Watchdog`. Without effect after `end_within`."""
        if self._ends_at is None:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def end_within(self, seconds: float) -> None:
        """The process ends within `seconds`, by itself or by the watchdog; nothing takes this back."""
        if self._ends_at is None:
            self._ends_at = time.monotonic() + seconds
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def stand_down(self) -> None:
        """Stop the countdown for good: the work is done and only the interpreter's own exit is left."""
        self._ends_at = None
        signal.setitimer(signal.ITIMER_REAL, 0)


def end_with_parent(pipe: int) -> None:
    """Ask this process to end (SIGTERM) once the file descriptor `pipe` ends: its other end's process is gone then."""

    def watch() -> None:
        # Read past Python's buffers: a thread that holds their lock aborts the interpreter's exit.
        while os.read(pipe, 4096):
            continue
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
