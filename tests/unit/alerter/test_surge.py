"""Surges: far above what is usual at this hour, with a minimum, and once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reports import HOUR, NOW, SETTINGS, attacker, report, rules, text
from workers.alerter.replay import replay
from workers.alerter.surge import count_report, find_surge, poisson_tail
from workers.model import TaggedEvent
from workers.model.alert import Alert
from workers.settings.alerts import SurgeSettings

SURGE: SurgeSettings = SETTINGS.surge
DAY_H = 24
FIRST = 480_000
CHOSEN = rules(surge={"enabled": True})


def surges(events: Sequence[TaggedEvent]) -> list[Alert]:
    return [a for result in replay(events, CHOSEN) for a in result.alerts if a.reason == "surge"]


def history(days: int, by_day: dict[int, int]) -> dict[int, int]:
    """Reports by hour of the day, the same every day."""
    return {FIRST + day * DAY_H + hour: count for day in range(days) for hour, count in by_day.items()}


def at(days: int, hour: int) -> float:
    return (FIRST + days * DAY_H + hour) * HOUR


def test_the_busy_hour_of_every_day_is_no_surge() -> None:
    usual = history(10, {8: 10, 9: 20, 10: 30, 20: 1})
    today = {FIRST + 10 * DAY_H + 8: 12, FIRST + 10 * DAY_H + 9: 22, FIRST + 10 * DAY_H + 10: 33}
    assert find_surge({**usual, **today}, FIRST, at(10, 10), SURGE) is None


def test_as_many_at_a_quiet_hour_are_one() -> None:
    usual = history(10, {8: 10, 9: 20, 10: 30, 20: 1})
    figures = find_surge({**usual, FIRST + 10 * DAY_H + 20: 22}, FIRST, at(10, 20), SURGE)
    assert figures is not None
    assert (figures.count, figures.usual, figures.window_s) == (22, 1, 3 * 3600)


def test_a_surge_of_the_past_does_not_hide_the_next() -> None:
    usual = history(10, {20: 2})
    past = {FIRST + 7 * DAY_H + 20: 500}
    assert find_surge({**usual, **past, FIRST + 10 * DAY_H + 20: 30}, FIRST, at(10, 20), SURGE) is not None


def test_few_are_no_surge_whatever_is_usual() -> None:
    assert find_surge({FIRST + 10 * DAY_H: SURGE.minimum_count - 1}, FIRST, at(10, 0), SURGE) is None
    assert find_surge({FIRST + 10 * DAY_H: SURGE.minimum_count}, FIRST, at(10, 0), SURGE) is not None


def test_nothing_is_told_before_the_usual_is_known() -> None:
    assert find_surge({FIRST + 2 * DAY_H: 100}, FIRST, at(2, 0), SURGE) is None
    assert find_surge({FIRST + 3 * DAY_H: 100}, FIRST, at(3, 0), SURGE) is not None


def test_counts_behind_the_history_are_forgotten() -> None:
    hours: dict[int, int] = {}
    for hour in range(60 * DAY_H):
        hours = count_report(hours, hour * HOUR, SURGE)
    assert len(hours) <= SURGE.history_days * DAY_H + SURGE.window_h
    assert max(hours) == 60 * DAY_H - 1


@given(st.floats(0.1, 200), st.integers(0, 60))
def test_the_tail_is_that_of_the_poisson_distribution(rate: float, above: int) -> None:
    count = math.floor(rate) + 1 + above
    below = math.fsum(math.exp(k * math.log(rate) - rate - math.lgamma(k + 1)) for k in range(count))
    assert poisson_tail(count, rate) == pytest.approx(max(1 - below, 0.0), abs=1e-9)


def background(days: int) -> list[TaggedEvent]:
    return [report(n, NOW + n * 12 * HOUR, attackers=[attacker("KP")]) for n in range(days * 2)]


def test_a_wave_is_told_once_in_its_country_and_with_its_figures() -> None:
    start = NOW + 5 * 24 * HOUR
    wave = [report(1000 + n, start + n * 60, attackers=[attacker("KP")]) for n in range(40)]
    (alert,) = surges([*background(5), *wave])
    assert (alert.watch, alert.severity, alert.story.title) == ("attacker:KP", "high", "Title 1011")
    assert alert.surge is not None
    assert alert.surge.count == SURGE.minimum_count


def test_copies_and_old_news_are_no_wave() -> None:
    start = NOW + 5 * 24 * HOUR
    copies = [report(1000 + n, start + n, attackers=[attacker("KP")], body=text(1, 100)) for n in range(40)]
    old = [report(2000 + n, start + n, attackers=[attacker("KP")], published=NOW - 1e7) for n in range(40)]
    assert surges([*background(5), *copies, *old]) == []


def test_a_sector_surges_whoever_attacks() -> None:
    def hit(number: int, moment: float) -> TaggedEvent:
        return report(number, moment, attackers=[attacker("BR")], sectors="energy")

    quiet = [hit(n, NOW + n * 24 * HOUR) for n in range(5)]
    wave = [hit(100 + n, NOW + 5 * 24 * HOUR + n) for n in range(20)]
    (alert,) = surges([*quiet, *wave])
    assert alert.watch == "sector:energy"
