"""The host's own rules: nothing a stage raises leaves an agent, and what ends the process does it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import pytest

from tests.unit.tagger.fakes import CountingTelemetry, FakeClock, RecordingWatchdog, settings
from workers.alerter.host import AlerterHost, HostParts, Stages
from workers.errors import DependencyError, FatalError, FencedError
from workers.model import Partition, Record
from workers.tagger.health import LoopHealth

STORIES = "stories"


class _EndedError(Exception):
    """Stands for the end of the process."""


class Watch(RecordingWatchdog):
    def end_within(self, seconds: float) -> None:
        self.arm(seconds)


class View:
    """What Faust's consumer would say."""

    def __init__(self) -> None:
        self.mine = frozenset({0, 1})
        self.waiting: dict[Partition, int] = {}
        self.ended: BaseException | None = None

    def owned(self, topic: str) -> frozenset[int]:
        assert topic == STORIES
        return self.mine

    def is_settled(self) -> bool:
        return True

    async def lags(self) -> dict[Partition, int]:
        return self.waiting

    def crash(self) -> BaseException | None:
        return self.ended


class Bench:
    def __init__(
        self,
        digest: Callable[..., None] = lambda _: None,
        fold: Callable[..., None] = lambda *_: None,
    ) -> None:
        self.clock, self.telemetry, self.watchdog, self.view = FakeClock(), CountingTelemetry(), Watch(), View()
        self.let_go: list[int] = []
        self.ended: list[BaseException] = []
        self.health = LoopHealth(self.clock, 90)
        self.host = AlerterHost(
            HostParts(
                kafka=settings().kafka,
                group="g",
                source="tagged",
                stories=STORIES,
                max_records=10,
                max_wait_s=0.01,
                watchdog_s=60,
                grace_s=5,
                stalled_after_s=90,
                stages=Stages(digest=digest, fold=fold, let_go=self.let_go.append),
                clock=self.clock,
                telemetry=self.telemetry,
                watchdog=self.watchdog,
                health=self.health,
                end=self._end,
            )
        )
        self.host._view = self.view  # type: ignore[assignment]

    def _end(self, error: BaseException) -> NoReturn:
        self.ended.append(error)
        raise _EndedError


def records(*numbers: int) -> Sequence[Record]:
    return [
        Record(partition=Partition(STORIES, number), offset=1, timestamp_ms=1_000_000, key=None, value=b"")
        for number in numbers
    ]


def raising(error: BaseException) -> Callable[..., None]:
    def work(*_: Any) -> None:
        raise error

    return work


@pytest.mark.parametrize("error", [ZeroDivisionError("bug"), FatalError("x", "y"), MemoryError(), FencedError("z")])
def test_whatever_a_stage_raises_ends_the_process(error: BaseException) -> None:
    for bench, take in (
        (Bench(digest=raising(error)), "_take_tagged"),
        (Bench(fold=raising(error)), "_take_stories"),
    ):
        with pytest.raises(_EndedError):
            asyncio.run(getattr(bench.host, take)(records(0)))
        assert bench.ended == [error]


def test_what_was_handled_may_be_acknowledged() -> None:
    bench = Bench()
    assert asyncio.run(bench.host._take_tagged(records(0))) is True
    assert asyncio.run(bench.host._take_stories(records(0, 1))) is True


def test_partitions_of_somebody_else_are_not_acknowledged() -> None:
    assert asyncio.run(Bench().host._take_stories(records(0, 7))) is False


def test_fenced_while_the_partitions_move_is_no_failure() -> None:
    bench = Bench()

    def fold(*_: Any) -> None:
        bench.host._on_revoked({Partition(STORIES, 1), Partition("tagged", 2)})
        raise FencedError("their new owner was quick")

    bench.host._parts = _with_fold(bench.host._parts, fold)
    assert asyncio.run(bench.host._take_stories(records(0, 1))) is False
    assert bench.ended == []
    bench.host._parts = _with_fold(bench.host._parts, lambda *_: None)
    assert asyncio.run(bench.host._take_stories(records(0))) is True
    assert bench.let_go == [1]


def _with_fold(parts: HostParts, fold: Callable[..., None]) -> HostParts:
    import msgspec

    return msgspec.structs.replace(parts, stages=msgspec.structs.replace(parts.stages, fold=fold))


def test_no_batch_begins_after_a_stop() -> None:
    bench = Bench(digest=raising(AssertionError("begun")))
    bench.host._stopping = True

    async def waits() -> None:
        await asyncio.wait_for(bench.host._take_tagged(records(0)), 0.05)

    with pytest.raises(TimeoutError):
        asyncio.run(waits())


def test_lag_and_age_are_shown_and_the_watchdog_is_put_off() -> None:
    bench = Bench()
    asyncio.run(bench.host._take_tagged(records(0)))
    bench.view.waiting = {Partition("tagged", 2): 5}
    bench.clock.now = 1_060.0
    asyncio.run(bench.host._tick())
    assert bench.telemetry.gauges[("consumer_lag_records", "tagged", "2")] == 5
    assert bench.telemetry.gauges[("consumer_lag_seconds",)] == 60.0
    assert bench.watchdog.armed == [60]
    assert bench.health.why_not_ready() is None


def test_a_stage_that_hangs_is_not_put_off() -> None:
    bench = Bench()
    with bench.host._lamps["fold"]:
        bench.clock.now += 61
        asyncio.run(bench.host._tick())
    assert bench.watchdog.armed == []


def test_a_consumer_that_takes_nothing_ends_the_process() -> None:
    bench = Bench()
    bench.view.waiting = {Partition("tagged", 2): 5}
    asyncio.run(bench.host._tick())
    bench.clock.now += 91
    with pytest.raises(_EndedError):
        asyncio.run(bench.host._tick())
    assert isinstance(bench.ended[0], DependencyError)


def test_an_idle_consumer_does_not() -> None:
    bench = Bench()
    for _ in range(3):
        bench.clock.now += 91
        asyncio.run(bench.host._tick())
    assert bench.ended == []


def test_an_application_that_ends_by_itself_ends_the_process() -> None:
    bench = Bench()
    bench.view.ended = RuntimeError("an agent died")
    with pytest.raises(_EndedError):
        asyncio.run(bench.host._tick())


def test_a_rebalance_is_counted_and_says_not_ready() -> None:
    bench = Bench()
    bench.host._on_assigned({Partition(STORIES, 0)})
    bench.host._on_revoked({Partition(STORIES, 0)})
    assert bench.telemetry.counters[("rebalances_total", "assigned")] == 1
    assert bench.telemetry.counters[("rebalances_total", "revoked")] == 1
    assert bench.health.why_not_ready() == "a rebalance is under way"
