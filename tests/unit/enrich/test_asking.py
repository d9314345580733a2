"""Rates, repetition and the breaker in front of a provider. Time is told; nothing sleeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.support.lookups import FakeClock, RecordingTelemetry, ScriptedProvider, build, request_for, row_for, statuses
from workers.adapters.memory import MemoryCacheStore
from workers.enrich import CachedEnricher
from workers.enrich.rate import TokenBuckets
from workers.errors import DependencyError
from workers.ports import ProviderAnswer, Rate, Token


class Failing(ScriptedProvider):
    """Fails as the script says, then answers."""

    def __init__(self, *faults: DependencyError) -> None:
        super().__init__({"CVE-1": {"n": 1}})
        self.faults = list(faults)
        self.limits: list[float] = []

    def fetch(self, keys: Sequence[str], timeout_s: float) -> Mapping[str, ProviderAnswer]:
        self.limits.append(timeout_s)
        self.fault = self.faults.pop(0) if self.faults else None
        return super().fetch(keys, timeout_s)


class World:
    """An enricher whose pauses move the clock."""

    def __init__(self, provider: ScriptedProvider, draw: float = 0.5, **row: Any) -> None:
        self.clock, self.telemetry, self.pauses = FakeClock(), RecordingTelemetry(), list[float]()
        rows = [row_for(provider, **({"concurrency": 1, "timeout_ms": 5000} | row))]
        self.enricher: CachedEnricher = build(
            rows, self.clock, telemetry=self.telemetry, draw=lambda: draw, pause=self.pause
        )

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.clock.advance(seconds)
        return False

    def ask(self, *keys: str) -> dict[str, str]:
        return dict(statuses(self.enricher.look_up([request_for(*keys)])[0]))

    def ask_alone(self) -> Mapping[str, ProviderAnswer]:
        return self.enricher._askers[0].ask_or_raise(["CVE-1"])


def fault(code: str, retry_after: float | None = None) -> DependencyError:
    return DependencyError("scripted", code, retry_after=retry_after)


@pytest.mark.parametrize("code", ["connection", "timeout", "http-500", "http-502", "http-503", "http-504"])
def test_what_fails_in_passing_is_tried_again(code: str) -> None:
    provider = Failing(fault(code))
    world = World(provider, attempts=2)
    assert world.ask_alone()["CVE-1"].value == {"n": 1}
    assert world.pauses == [pytest.approx(0.1)]
    assert provider.limits == [pytest.approx(5.0), pytest.approx(4.9)]


@pytest.mark.parametrize(
    "code", ["http-429", "http-401", "http-403", "tls", "address-refused", "wrong-shape", "refused"]
)
def test_what_will_fail_again_is_not(code: str) -> None:
    world = World(Failing(fault(code)), attempts=3)
    with pytest.raises(DependencyError, match=code):
        world.ask_alone()
    assert world.pauses == []


def test_who_wants_to_be_left_alone_is() -> None:
    provider = Failing(fault("http-503", retry_after=30.0))
    world = World(provider, attempts=3)
    with pytest.raises(DependencyError, match="http-503"):
        world.ask_alone()
    world.clock.advance(29)
    with pytest.raises(DependencyError, match="breaker"):
        world.ask_alone()
    world.clock.advance(2)
    assert world.ask_alone()["CVE-1"].value == {"n": 1}
    assert len(provider.calls) == 2


def test_pauses_grow_by_chance_and_attempts_end() -> None:
    provider = Failing(*[fault("timeout")] * 9)
    world = World(provider, draw=1.0, attempts=3)
    with pytest.raises(DependencyError, match="timeout"):
        world.ask_alone()
    assert world.pauses == [pytest.approx(0.2), pytest.approx(0.4)]
    assert len(provider.calls) == 3
    assert world.telemetry.values["breaker_state", "scripted"] == 2


def test_without_a_second_attempt_nothing_is_repeated() -> None:
    provider = Failing(fault("timeout"))
    with pytest.raises(DependencyError, match="timeout"):
        World(provider).ask_alone()
    assert len(provider.calls) == 1


def test_no_pause_outlasts_the_time_limit() -> None:
    world = World(Failing(fault("timeout")), attempts=2, timeout_ms=100, draw=1.0)
    with pytest.raises(DependencyError, match="timeout"):
        world.ask_alone()
    assert world.pauses == []


def test_closing_ends_the_waiting() -> None:
    enricher = build([row_for(Failing(fault("timeout")), attempts=2)], FakeClock(), draw=lambda: 1.0)
    enricher._tools.closing.set()
    with pytest.raises(DependencyError, match="timeout"):
        enricher._askers[0].ask_or_raise(["CVE-1"])


def test_a_token_is_waited_for_and_no_longer_than_the_time_limit() -> None:
    provider = Failing()
    world = World(provider, rate_calls=1, rate_period_s=2.0)
    world.ask_alone()
    world.ask_alone()
    assert world.pauses == [pytest.approx(2.0)]
    slow = World(Failing(), rate_calls=1, rate_period_s=60.0)
    slow.ask_alone()
    with pytest.raises(DependencyError, match="rate"):
        slow.ask_alone()
    assert slow.pauses == []
    assert slow.telemetry.values["breaker_state", "scripted"] == 0  # our own restraint is no fault of the provider


def test_a_repetition_needs_a_token_too() -> None:
    world = World(Failing(fault("timeout")), attempts=2, rate_calls=1, rate_period_s=1.0)
    world.ask_alone()
    assert world.pauses == [pytest.approx(0.1), pytest.approx(0.9)]


def test_rows_of_one_provider_share_breaker_and_rate() -> None:
    clock, telemetry = FakeClock(), RecordingTelemetry()
    one, other = ScriptedProvider({}), ScriptedProvider({})
    rows = [row_for(one, rate_calls=1, rate_period_s=60.0), row_for(other, rate_calls=1, rate_period_s=60.0)]
    enricher = build(rows, clock, telemetry=telemetry)
    enricher._askers[0].ask_or_raise(["CVE-1"])
    with pytest.raises(DependencyError, match="rate"):
        enricher._askers[1].ask_or_raise(["CVE-1"])
    assert enricher._askers[0].gate is enricher._askers[1].gate
    assert other.calls == []


class BrokenLimiter:
    """Token buckets that cannot be asked."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.asked = 0

    def take_token(self, bucket: str, rate: Rate, now_s: float) -> Token:
        self.asked += 1
        raise DependencyError("redis", self.code)


@pytest.mark.parametrize(
    ("code", "breaker", "asked"), [("timeout", 2.0, 3), ("read-only", 0.0, 8), ("foreign-type", 0.0, 8)]
)
def test_without_the_shared_buckets_a_process_keeps_its_own(code: str, breaker: float, asked: int) -> None:
    clock, telemetry, limiter, provider = FakeClock(), RecordingTelemetry(), BrokenLimiter(code), Failing()
    enricher = build(
        [row_for(provider, rate_calls=1, rate_period_s=60.0, rate_burst=2)],
        clock,
        MemoryCacheStore(clock),
        telemetry,
        limiter=limiter,
    )
    asker, refused = enricher._askers[0], 0
    for _ in range(8):
        refused += asker.ask(["CVE-1"]) == {}
    assert (len(provider.calls), refused, limiter.asked) == (2, 6, asked)
    assert telemetry.values["breaker_state", "redis"] == breaker
    result = "refused" if breaker == 0.0 else "error"
    assert telemetry.sums["cache_requests_total", "shared", result] == asked


def test_the_budget_left_is_shown_and_grows_back() -> None:
    clock, telemetry, provider = FakeClock(), RecordingTelemetry(), ScriptedProvider({"CVE-1": {"n": 1}})
    rows = [row_for(provider, rate_calls=60, rate_period_s=60.0, rate_burst=3), row_for(ScriptedProvider({}, "free"))]
    enricher = build(rows, clock, telemetry=telemetry)

    def left() -> float:
        return telemetry.values["lookup_budget_remaining", "scripted"]

    assert left() == 3
    for expected in (2, 1, 0):
        enricher._askers[0].ask(["CVE-1"])
        assert left() == expected
    clock.advance(2.5)
    enricher.look_up([request_for()])
    assert left() == 2
    clock.advance(3600)
    enricher.look_up([])
    assert left() == 3
    assert ("lookup_budget_remaining", "free") not in telemetry.values
    enricher.close()


def test_workers_share_their_buckets() -> None:
    clock, buckets = FakeClock(), TokenBuckets()
    providers = [Failing(), Failing()]
    for provider in providers:
        row = row_for(provider, rate_calls=1, rate_period_s=60.0)
        asker = build([row], clock, MemoryCacheStore(clock), limiter=buckets)._askers[0]
        asker.ask(["CVE-1"])
    assert [len(provider.calls) for provider in providers] == [1, 0]
