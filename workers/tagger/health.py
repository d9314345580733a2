"""What the loop says about itself: whether it turns, and whether it is ready. Pure but for a lock-free attribute or two.

Written by the loop's thread, read by the health server's.
"""

from __future__ import annotations

from workers.ports import Clock

__all__ = ["LoopHealth"]


class LoopHealth:
    """The loop's last sign of life and its readiness, each with the reason in words where the answer is no."""

    def __init__(self, clock: Clock, stalled_after_s: float) -> None:
        self._clock = clock
        self._stalled_after_s = stalled_after_s
        self._turned_at = clock.monotonic()
        self._not_ready: str | None = "starting: the loop has not turned yet"

    def turned(self) -> None:
        """The loop has finished a pass."""
        self._turned_at = self._clock.monotonic()
        self._not_ready = None

    def not_ready(self, reason: str) -> None:
        """The worker takes no records now, and why."""
        self._not_ready = reason

    def why_not_live(self) -> str | None:
        """None where the loop turns."""
        silent = self._clock.monotonic() - self._turned_at
        if silent <= self._stalled_after_s:
            return None
        return f"the loop has not turned for {silent:.0f} s (limit {self._stalled_after_s:.0f} s)"

    def why_not_ready(self) -> str | None:
        """None where the worker takes records."""
        return self._not_ready or self.why_not_live()
