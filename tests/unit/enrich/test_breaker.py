from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.lookups import FakeClock, RecordingTelemetry
from workers.enrich.breaker import LONGEST_WAIT_S, Breaker, BreakerPolicy, BreakerState, Gate

POLICY = BreakerPolicy(failures=3, open_s=5.0)


def opened_at(now: float) -> Breaker:
    breaker = Breaker(POLICY)
    for _ in range(3):
        assert breaker.allows(now)
        breaker.failed(now)
    return breaker


def test_it_opens_at_the_third_failure_in_a_row() -> None:
    breaker = Breaker(POLICY)
    breaker.failed(0.0)
    breaker.failed(0.0)
    breaker.succeeded()
    breaker.failed(0.0)
    breaker.failed(0.0)
    assert breaker.allows(0.0)
    breaker.failed(0.0)
    assert breaker.state is BreakerState.OPEN
    assert not breaker.allows(4.9)
    assert breaker.is_shut_at(4.9)


def test_half_open_lets_one_call_through() -> None:
    breaker = opened_at(0.0)
    assert not breaker.is_shut_at(5.0)
    assert breaker.allows(5.0)
    assert breaker.state is BreakerState.HALF_OPEN
    assert not breaker.allows(5.1)
    assert breaker.is_shut_at(5.1)


def test_a_probe_that_answers_closes_it() -> None:
    breaker = opened_at(0.0)
    breaker.allows(5.0)
    breaker.succeeded()
    assert breaker.state is BreakerState.CLOSED
    breaker.failed(6.0)
    assert breaker.allows(6.0)


def test_a_probe_that_fails_opens_it_again() -> None:
    breaker = opened_at(0.0)
    breaker.allows(5.0)
    breaker.failed(5.5)
    assert breaker.state is BreakerState.OPEN
    assert not breaker.allows(10.4)
    assert breaker.allows(10.5)


def test_a_lost_probe_does_not_hold_it_for_good() -> None:
    breaker = opened_at(0.0)
    assert breaker.allows(5.0)
    assert not breaker.allows(9.9)
    assert breaker.allows(10.0)


def test_a_wish_to_wait_opens_it_at_once_and_is_obeyed_within_reason() -> None:
    breaker = Breaker(POLICY)
    breaker.failed(0.0, retry_after=30.0)
    assert not breaker.allows(29.9)
    assert breaker.allows(30.0)
    breaker.failed(30.0, retry_after=10.0**9)
    assert breaker.allows(30.0 + LONGEST_WAIT_S)


def test_a_short_wish_does_not_shorten_the_pause() -> None:
    breaker = Breaker(POLICY)
    breaker.failed(0.0, retry_after=0.0)
    assert not breaker.allows(4.9)


def test_a_later_wish_never_shortens_an_earlier_one() -> None:
    breaker = Breaker(POLICY)
    breaker.failed(0.0, retry_after=60.0)
    breaker.failed(1.0, retry_after=6.0)
    assert not breaker.allows(59.0)


def test_late_reports_of_calls_from_before_do_not_count() -> None:
    breaker = opened_at(0.0)
    breaker.succeeded()
    assert breaker.state is BreakerState.OPEN
    breaker.failed(4.0)
    assert breaker.allows(5.0)


@given(st.lists(st.tuples(st.floats(0, 10), st.sampled_from(["ask", "ok", "bad"])), max_size=60))
def test_it_always_lets_someone_through_in_the_end(steps: list[tuple[float, str]]) -> None:
    breaker, now = Breaker(POLICY), 0.0
    for pause, step in steps:
        now += pause
        if step == "ask":
            breaker.allows(now)
        elif step == "ok":
            breaker.succeeded()
        else:
            breaker.failed(now)
    assert breaker.allows(now + 5.0)


def test_the_gate_shows_its_state() -> None:
    clock, telemetry = FakeClock(), RecordingTelemetry()
    gate = Gate("redis", POLICY, clock, telemetry)

    def shown() -> float:
        return telemetry.values["breaker_state", "redis"]

    assert shown() == 0
    for _ in range(3):
        gate.failed()
    assert shown() == 2
    assert gate.is_shut()
    assert not gate.allows()
    clock.advance(5)
    assert gate.allows()
    assert shown() == 1
    gate.succeeded()
    assert shown() == 0
