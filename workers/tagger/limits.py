"""The dead-letter limit: so many in a row, or such a share of the last N, and the worker stops. Pure.

It is told the outcomes of a batch before the batch is published, and answers with its next state; the loop keeps that
state only once the batch is committed. Nothing that catches errors around items stands above it: it raises FatalError.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from workers.errors import FatalError
from workers.model import DeadLettered, Outcome
from workers.settings import DeadLetterSettings

__all__ = ["DeadLetterLimit", "DeadLetterRun"]

_DEAD = b"\1"


class DeadLetterRun(Struct, frozen=True, kw_only=True):
    """What the limit remembers: dead letters in a row up to now, and one byte (1 dead, 0 not) for each recent record."""

    in_a_row: int = 0
    recent: bytes = b""


class DeadLetterLimit:
    """Stops a worker that would drain a topic into the dead-letter topic."""

    def __init__(self, settings: DeadLetterSettings) -> None:
        self._in_a_row = settings.max_in_a_row
        self._share = settings.max_share
        self._window = settings.share_window

    def remaining(self, run: DeadLetterRun) -> int:
        """How many more dead letters in a row are allowed."""
        return self._in_a_row - run.in_a_row

    def after(self, run: DeadLetterRun, outcomes: Sequence[Outcome]) -> DeadLetterRun:
        """The state after `outcomes`.

        Raises FatalError `dead-letter-limit` where the limit is reached.
        """
        dead = bytes([isinstance(outcome, DeadLettered) for outcome in outcomes])
        runs = [len(part) for part in dead.split(b"\0")]
        runs[0] += run.in_a_row
        recent = (run.recent + dead)[-self._window :]
        longest, share = max(runs), recent.count(_DEAD) / max(1, len(recent))
        if longest >= self._in_a_row:
            raise FatalError(
                "dead-letter-limit", f"{longest} dead letters in a row (limit {self._in_a_row}){_last(outcomes)}"
            )
        if len(recent) == self._window and share > self._share:
            text = f"{share:.0%} of the last {self._window} records are dead letters (limit {self._share:.0%})"
            raise FatalError("dead-letter-limit", text + _last(outcomes))
        return DeadLetterRun(in_a_row=runs[-1], recent=recent)


def _last(outcomes: Sequence[Outcome]) -> str:
    for outcome in reversed(outcomes):
        if isinstance(outcome, DeadLettered):
            return f"; the last one: {outcome.code}: {outcome.detail}"[:500]
    return ""
