"""Runs the Faust application with the two stages, from its start to an exit that tells the supervisor what to do.

A stage works in a thread, so that Faust's loop goes on. Whatever a stage raises ends the process there and then: the
batch is never acknowledged, its agent never goes on, and nobody is asked to shut down in order. A stop from outside lets
the batches in hand finish, commits what was acknowledged, and starts no other. A consumer that has something to read and
takes nothing for too long ends the process as well.

Nothing here knows what a stage does.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn, Protocol

import structlog
from msgspec import Struct

from workers.alerter.app import AppOptions, ConsumerView, Intake, build_app
from workers.errors import DependencyError, FencedError
from workers.model import Partition, Record
from workers.ports import Clock, Telemetry, Watchdog
from workers.settings import KafkaSettings

__all__ = ["AlerterHost", "Health", "HostParts", "Stages", "Watch"]

_TICK_S = 0.5
_LAG_EVERY_S = 2.0
_log = structlog.get_logger("shirase.alerter")


class Health(Protocol):
    """What the host says of itself to whoever asks."""

    def turned(self) -> None:
        """Records are taken, or would be if there were any."""
        ...

    def not_ready(self, reason: str) -> None:
        """No records are taken now, and why."""
        ...


class Watch(Watchdog, Protocol):
    """A watchdog that can be told that the end has begun."""

    def end_within(self, seconds: float) -> None:
        """The process ends within `seconds`, one way or the other."""
        ...


class Stages(Struct, frozen=True, kw_only=True):
    """What handles records, each in a thread of its own, never twice at once.

    `digest` and `fold` return when their batch may be acknowledged; `let_go` gives up a partition of the fold.
    """

    digest: Callable[[Sequence[Record]], None]
    fold: Callable[[Sequence[Record], frozenset[int]], None]
    let_go: Callable[[int], None]


class HostParts(Struct, frozen=True, kw_only=True):
    """What the host works with. `end` ends the process at once, whatever else runs in it."""

    kafka: KafkaSettings
    group: str
    source: str
    stories: str
    max_records: int
    max_wait_s: float
    watchdog_s: float
    grace_s: float
    stalled_after_s: float
    stages: Stages
    clock: Clock
    telemetry: Telemetry
    watchdog: Watch
    health: Health
    end: Callable[[BaseException], NoReturn]


class _Lamp:
    """Lit while a stage is at work."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None
        self.dark = asyncio.Event()
        self.dark.set()

    def lit_for(self) -> float:
        """Seconds."""
        return 0.0 if self._since is None else self._clock.monotonic() - self._since

    def __enter__(self) -> None:
        self._since = self._clock.monotonic()
        self.dark.clear()

    def __exit__(self, *_: object) -> None:
        self._since = None
        self.dark.set()


class AlerterHost:
    """Runs until it is told to stop, or an error ends the process."""

    def __init__(self, parts: HostParts) -> None:
        self._parts = parts
        self._stopping = False
        self._given_up: set[int] = set()
        self._lamps = {name: _Lamp(parts.clock) for name in ("digest", "fold")}
        self._progress_at = parts.clock.monotonic()
        self._newest_ms = 0
        self._lag_due = 0.0

    def run(self) -> None:
        """Run in the main thread, whose signals it takes over; returns when it was told to stop."""
        asyncio.run(self._main())

    async def _main(self) -> None:
        parts = self._parts
        app = build_app(
            AppOptions(
                kafka=parts.kafka,
                group=parts.group,
                max_records=parts.max_records,
                max_wait_s=parts.max_wait_s,
                on_assigned=self._on_assigned,
                on_revoked=self._on_revoked,
            ),
            [
                Intake(topic=parts.source, take=self._take_tagged),
                Intake(topic=parts.stories, take=self._take_stories),
            ],
        )
        self._view = ConsumerView(app)
        self._stop_on_signals()
        parts.watchdog.arm(parts.watchdog_s)
        await app.start()
        _log.info("ready", source=parts.source, stories=parts.stories)
        while not self._stopping:
            await asyncio.sleep(_TICK_S)
            await self._tick()
        await self._wind_up(app)

    async def _wind_up(self, app: Any) -> None:
        self._parts.health.not_ready("stopping")
        for lamp in self._lamps.values():
            await lamp.dark.wait()
        await self._view.commit()
        await app.stop()

    def _stop_on_signals(self) -> None:
        def stop() -> None:
            self._parts.watchdog.end_within(self._parts.grace_s)
            self._stopping = True

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)

    async def _take_tagged(self, records: Sequence[Record]) -> bool:
        error = await self._work("digest", partial(self._parts.stages.digest, records))
        if error is not None:
            self._parts.end(error)
        return await self._taken(records)

    async def _take_stories(self, records: Sequence[Record]) -> bool:
        owned = self._view.owned(self._parts.stories)
        error = await self._work("fold", partial(self._fold, records, owned, self._let_go_of()))
        if isinstance(error, FencedError) and self._given_up:
            _log.info("partitions_moved", reason=str(error))  # during the batch: their new owner goes on with them
            return False
        if error is not None:
            self._parts.end(error)
        taken = await self._taken(records)
        return taken and all(record.partition.number in owned for record in records)

    def _fold(self, records: Sequence[Record], owned: frozenset[int], given_up: frozenset[int]) -> None:
        for number in given_up:
            self._parts.stages.let_go(number)
        self._parts.stages.fold(records, owned)

    def _let_go_of(self) -> frozenset[int]:
        given_up, self._given_up = frozenset(self._given_up), set()
        return given_up

    async def _work(self, name: str, work: Callable[[], None]) -> BaseException | None:
        """Run `work` in a thread; what it raised, which never leaves this as an exception."""
        if self._stopping:
            await _never()
        with self._lamps[name]:
            task = asyncio.ensure_future(asyncio.to_thread(work))
            await asyncio.wait({task})
            return task.exception()

    async def _taken(self, records: Sequence[Record]) -> bool:
        self._progress_at = self._parts.clock.monotonic()
        self._newest_ms = records[-1].timestamp_ms
        return True

    def _on_assigned(self, partitions: set[Partition]) -> None:
        self._parts.telemetry.add("rebalances_total", 1, "assigned")
        self._progress_at = self._parts.clock.monotonic()
        _log.info("assigned", partitions=len(partitions))

    def _on_revoked(self, partitions: set[Partition]) -> None:
        self._parts.telemetry.add("rebalances_total", 1, "revoked")
        self._parts.health.not_ready("a rebalance is under way")
        self._given_up |= {place.number for place in partitions if place.topic == self._parts.stories}

    async def _tick(self) -> None:
        parts = self._parts
        crash = self._view.crash()
        if crash is not None:
            parts.end(crash)
        if all(lamp.lit_for() < parts.watchdog_s for lamp in self._lamps.values()):
            parts.watchdog.arm(parts.watchdog_s)
        now = parts.clock.monotonic()
        if now >= self._lag_due and self._view.is_settled():
            self._lag_due = now + _LAG_EVERY_S
            self._judge(await self._view.lags(), now)

    def _judge(self, lags: dict[Partition, int], now: float) -> None:
        parts = self._parts
        for place, lag in lags.items():
            parts.telemetry.set("consumer_lag_records", lag, place.topic, str(place.number))
        behind = any(lags.values())
        age = parts.clock.wall() - self._newest_ms / 1000 if behind and self._newest_ms else 0.0
        parts.telemetry.set("consumer_lag_seconds", max(0.0, age))
        if not behind or not all(lamp.dark.is_set() for lamp in self._lamps.values()):
            self._progress_at = now
        if now - self._progress_at > parts.stalled_after_s:
            parts.end(DependencyError("faust", f"takes nothing for {parts.stalled_after_s:g} s although records wait"))
        parts.health.turned()


async def _never() -> None:
    """Wait until the process ends or the task is cancelled: the agent must neither go on nor end."""
    await asyncio.Event().wait()
