from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.enrich.freshness import Expiry, Lifetimes, Verdict, expiry_of, judge

TTL = st.integers(min_value=1000, max_value=10_000_000_000)
SHARE = st.floats(min_value=0, max_value=1)
DRAW = st.floats(min_value=0, max_value=1, exclude_max=True)
NOW = st.integers(min_value=0, max_value=4_000_000_000_000)


@st.composite
def lifetimes(draw: st.DrawFn) -> Lifetimes:
    soft, hard = sorted((draw(TTL), draw(TTL)))
    return Lifetimes(soft_ms=soft, hard_ms=hard, negative_ms=draw(TTL), jitter=draw(SHARE))


@given(lifetimes(), NOW, DRAW)
def test_what_is_known_is_fresh_then_stale_then_gone(lives: Lifetimes, born: int, draw: float) -> None:
    expiry = expiry_of(lives, is_known=True, born_ms=born, draw=draw)
    assert born < expiry.soft_at_ms <= expiry.hard_at_ms
    assert judge(expiry, born) is Verdict.FRESH
    assert judge(expiry, expiry.soft_at_ms - 1) is Verdict.FRESH
    assert judge(expiry, expiry.soft_at_ms) in {Verdict.STALE, Verdict.MISS}
    assert judge(expiry, expiry.hard_at_ms) is Verdict.MISS


@given(lifetimes(), NOW, DRAW)
def test_chance_only_shortens_and_by_no_more_than_the_jitter(lives: Lifetimes, born: int, draw: float) -> None:
    expiry = expiry_of(lives, is_known=True, born_ms=born, draw=draw)
    for at, ttl in ((expiry.soft_at_ms, lives.soft_ms), (expiry.hard_at_ms, lives.hard_ms)):
        assert at - born <= ttl
        assert at - born >= int(ttl * (1 - lives.jitter)) - 1


@given(lifetimes(), NOW, DRAW, NOW)
def test_nothing_known_is_never_stale(lives: Lifetimes, born: int, draw: float, now: int) -> None:
    expiry = expiry_of(lives, is_known=False, born_ms=born, draw=draw)
    assert judge(expiry, now) is not Verdict.STALE
    assert expiry.hard_at_ms - born <= lives.negative_ms


@given(NOW, NOW, NOW, NOW)
def test_an_entry_never_gets_younger(soft: int, more: int, now: int, later: int) -> None:
    order = [Verdict.FRESH, Verdict.STALE, Verdict.MISS]
    expiry = Expiry(soft_at_ms=soft, hard_at_ms=soft + more)
    assert order.index(judge(expiry, now)) <= order.index(judge(expiry, now + later))


def test_without_jitter_the_configured_times_hold() -> None:
    lives = Lifetimes(soft_ms=10, hard_ms=30, negative_ms=5, jitter=0.0)
    assert expiry_of(lives, is_known=True, born_ms=100, draw=0.9) == Expiry(soft_at_ms=110, hard_at_ms=130)
    assert expiry_of(lives, is_known=False, born_ms=100, draw=0.9) == Expiry(soft_at_ms=105, hard_at_ms=105)


def test_entries_made_together_expire_apart() -> None:
    lives = Lifetimes(soft_ms=100_000, hard_ms=200_000, negative_ms=5, jitter=0.15)
    ends = {expiry_of(lives, is_known=True, born_ms=0, draw=draw / 100).soft_at_ms for draw in range(100)}
    assert len(ends) == 100
    assert max(ends) - min(ends) > 14_000
