"""The tagger's loop: poll, process, account for every record, publish with the offsets, then count.

The order of one pass:
 1. arm the watchdog: no client call of this pass can hang for good;
 2. poll a batch;
 3. process it: one outcome per record;
 4. check conservation, and the dead-letter limit: either raises FatalError, and nothing of the batch is published;
 5. publish outputs and offsets together; where the batch was lost, forget it and go back to the committed offsets;
 6. only now count it, and take over the limit's new state.

Nothing here catches FatalError. A stop asked for from outside lets the pass in hand finish and starts no other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from workers.errors import BatchLost, DependencyError
from workers.model import Record
from workers.ports import BatchLimits, Clock, RecordStream, Telemetry, Watchdog
from workers.tagger.batching import check_conservation, next_offsets
from workers.tagger.counting import BatchCounter
from workers.tagger.health import LoopHealth
from workers.tagger.limits import DeadLetterLimit, DeadLetterRun
from workers.tagger.pipeline import Pipeline, Processed

__all__ = ["LoopParts", "TaggerLoop"]

_LAG_EVERY_S = 2.0
_REWIND_ATTEMPTS = 5


class LoopParts(Struct, frozen=True, kw_only=True):
    """What the loop works with."""

    stream: RecordStream
    pipeline: Pipeline
    batch: BatchLimits
    limit: DeadLetterLimit
    watchdog: Watchdog
    watchdog_s: float
    clock: Clock
    telemetry: Telemetry
    health: LoopHealth


class TaggerLoop:
    """Runs until it is told to stop, until it is idle where that was asked for, or until an error ends it."""

    def __init__(self, parts: LoopParts, *, told_lost: Callable[[str], None] = lambda _: None) -> None:
        self._parts = parts
        self._told_lost = told_lost
        self._counter = BatchCounter(parts.telemetry)
        self._run = DeadLetterRun()
        self._stopping = False
        self._lag_due = 0.0

    def stop(self) -> None:
        """Let the pass in hand finish and start no other. Safe to call from a signal handler."""
        self._stopping = True

    def run(self, *, until_idle: bool) -> None:
        """Turn until stopped, or, with `until_idle`, until every record that was there is committed.

        Raises FatalError, DependencyError.
        """
        while not self._stopping:
            self._parts.watchdog.arm(self._parts.watchdog_s)
            took = self.turn()
            if until_idle and not took and self._parts.stream.is_caught_up():
                break
        self._parts.health.not_ready("stopping")
        self._parts.watchdog.disarm()

    def turn(self) -> int:
        """One pass; how many records it took.

        Raises FatalError, DependencyError.
        """
        parts = self._parts
        records = parts.stream.poll(parts.batch)
        if records:
            self._handle(records)
        parts.health.turned()
        self._report_lag(records)
        return len(records)

    def _handle(self, records: Sequence[Record]) -> None:
        parts = self._parts
        processed = parts.pipeline.process(records)
        check_conservation(records, processed.outcomes, processed.published)
        run_after = parts.limit.after(self._run, processed.outcomes)
        started = parts.clock.monotonic()
        try:
            parts.stream.publish(processed.outputs, next_offsets(records))
        except BatchLost as lost:
            self._told_lost(str(lost))
            self._rewind()
            return
        parts.telemetry.observe("stage_duration_seconds", parts.clock.monotonic() - started, "publish")
        self._committed(records, processed, run_after)

    def _committed(self, records: Sequence[Record], processed: Processed, run_after: DeadLetterRun) -> None:
        self._run = run_after
        self._counter.count(records, processed, self._parts.clock.wall())
        self._parts.telemetry.set("dead_letter_limit_remaining", self._parts.limit.remaining(run_after))

    def _rewind(self) -> None:
        """Go back to the committed offsets; a broker that does not answer is asked again a few times."""
        for attempt in range(_REWIND_ATTEMPTS):
            try:
                self._parts.stream.rewind()
            except DependencyError:
                if attempt == _REWIND_ATTEMPTS - 1:
                    raise
            else:
                return

    def _report_lag(self, records: Sequence[Record]) -> None:
        now = self._parts.clock.monotonic()
        if now < self._lag_due:
            return
        self._lag_due = now + _LAG_EVERY_S
        lags = self._parts.stream.lag()
        for partition, lag in lags.items():
            self._parts.telemetry.set("consumer_lag_records", lag, partition.topic, str(partition.number))
        behind = records and any(lags.values())
        age = self._parts.clock.wall() - records[-1].timestamp_ms / 1000 if behind else 0.0
        self._parts.telemetry.set("consumer_lag_seconds", max(0.0, age))
