"""The breaker in front of a dependency: stop asking the sick, try again now and then. No I/O; told the time.

Theory of operation. Closed, every call goes through and failures in a row are counted. At `failures` of them it
opens, for `open_s` seconds or for as long as the dependency asked us to wait. Then it is half open: one call (the
probe) goes through, all others are refused. The probe's success closes it, its failure opens it again. A probe that
never reports is given up after `open_s`, so that a lost thread cannot keep the breaker half open for good. What a
call reports that was under way when the breaker opened is too old to count.

The libraries were looked at and do not fit: they read the wall clock themselves, hold a lock for the length of the
call (so that calls to one dependency queue up) or drag a client of their own in.
"""

from __future__ import annotations

from enum import IntEnum
from threading import Lock

from msgspec import Struct

from workers.ports import Clock, Telemetry

__all__ = ["Breaker", "BreakerPolicy", "BreakerState", "Gate"]

LONGEST_WAIT_S = 3600.0


class BreakerState(IntEnum):
    """The values of the metric `breaker_state`."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class BreakerPolicy(Struct, frozen=True, kw_only=True):
    """So many failures in a row open the breaker for so many seconds."""

    failures: int
    open_s: float


class Breaker:
    """The state machine alone. Not for several threads; see `Gate`."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._failures = 0
        self._until = 0.0
        self.state = BreakerState.CLOSED

    def is_shut_at(self, now: float) -> bool:
        """Whether a call would be refused now. Changes nothing."""
        return self.state is not BreakerState.CLOSED and now < self._until

    def allows(self, now: float) -> bool:
        """Whether a call may be made now. Whoever is told so makes it and reports."""
        if self.state is BreakerState.CLOSED:
            return True
        if now < self._until:
            return False
        self.state = BreakerState.HALF_OPEN
        self._until = now + self._policy.open_s
        return True

    def succeeded(self) -> None:
        """A call that was allowed came back with an answer."""
        if self.state is not BreakerState.OPEN:
            self.state = BreakerState.CLOSED
            self._failures = 0

    def failed(self, now: float, retry_after: float | None = None) -> None:
        """A call that was allowed failed. `retry_after`: the dependency's own wish, obeyed up to an hour."""
        if self.state is BreakerState.OPEN and retry_after is None:
            return
        self._failures += 1
        if retry_after is not None or self.state is BreakerState.HALF_OPEN or self._failures >= self._policy.failures:
            wait = max(self._policy.open_s, min(retry_after or 0.0, LONGEST_WAIT_S))
            self._until = max(self._until, now + wait) if self.state is BreakerState.OPEN else now + wait
            self.state = BreakerState.OPEN


class Gate:
    """A breaker for several threads, with its own clock and its gauge."""

    def __init__(self, dependency: str, policy: BreakerPolicy, clock: Clock, telemetry: Telemetry) -> None:
        self._dependency = dependency
        self._breaker = Breaker(policy)
        self._clock = clock
        self._telemetry = telemetry
        self._lock = Lock()
        telemetry.set("breaker_state", float(BreakerState.CLOSED), dependency)

    def is_shut(self) -> bool:
        """Whether a call would be refused now. Takes no probe."""
        with self._lock:
            return self._breaker.is_shut_at(self._clock.monotonic())

    def allows(self) -> bool:
        """Whether the caller may call now; if so it must report."""
        with self._lock:
            before = self._breaker.state
            allowed = self._breaker.allows(self._clock.monotonic())
            self._show(before)
            return allowed

    def succeeded(self) -> None:
        """Report an answer."""
        with self._lock:
            before = self._breaker.state
            self._breaker.succeeded()
            self._show(before)

    def failed(self, retry_after: float | None = None) -> None:
        """Report a failure."""
        with self._lock:
            before = self._breaker.state
            self._breaker.failed(self._clock.monotonic(), retry_after)
            self._show(before)

    def _show(self, before: BreakerState) -> None:
        if self._breaker.state is not before:
            self._telemetry.set("breaker_state", float(self._breaker.state), self._dependency)
