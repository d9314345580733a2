"""Whether a subject is reported on far more than usual at this time of day. Pure; counts are by hours since 1970.

What is usual is the median over the days before, so that neither a past surge nor an empty day moves it much. How
unlikely a count is comes from the Poisson distribution; since reports come in flocks, it must also be so many times
the usual.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median

from workers.alerter.times import HOUR_S
from workers.model.alert import SurgeFigures
from workers.settings.alerts import SurgeSettings

__all__ = ["count_report", "find_surge", "poisson_tail"]

_DAY_H = 24
# The usual rate is never taken for less than this: nobody is sure that nothing ever happens.
_LEAST_USUAL = 0.5
_NEGLIGIBLE = 1e-18


def count_report(hours: Mapping[int, int], now: float, surge: SurgeSettings) -> dict[int, int]:
    """`hours` with a report more at `now`, without those that lie behind the history."""
    hour = int(now // HOUR_S)
    if hour in hours:
        return {**hours, hour: hours[hour] + 1}
    oldest = hour - surge.history_days * _DAY_H - surge.window_h
    return {**{one: count for one, count in hours.items() if one > oldest}, hour: 1}


def find_surge(hours: Mapping[int, int], first_hour: int, now: float, surge: SurgeSettings) -> SurgeFigures | None:
    """The figures of the surge at `now`, None where there is none, or where the subject is not known for long enough."""
    hour = int(now // HOUR_S)
    known_h = hour - first_hour
    count = _count(hours, hour, surge.window_h)
    if known_h < surge.learning_h or count < surge.minimum_count:
        return None
    days = min(surge.history_days, known_h // _DAY_H)
    usual = max(
        median([_count(hours, hour - day * _DAY_H, surge.window_h) for day in range(1, days + 1)] or [0]), _LEAST_USUAL
    )
    if count < surge.ratio * usual or poisson_tail(count, usual) >= surge.chance:
        return None
    return SurgeFigures(count=count, usual=usual, window_s=surge.window_h * HOUR_S)


def _count(hours: Mapping[int, int], last: int, window_h: int) -> int:
    return sum(hours.get(hour, 0) for hour in range(last - window_h + 1, last + 1))


def poisson_tail(count: int, rate: float) -> float:
    """The probability of `count` or more where `rate` are expected."""
    if count <= rate:
        return 1.0  # far from what anybody asks for, and the sum below would be long
    term = math.exp(count * math.log(rate) - rate - math.lgamma(count + 1))
    total, at = 0.0, count
    while term > _NEGLIGIBLE * max(total, _NEGLIGIBLE):
        total += term
        at += 1
        term *= rate / at
    return min(total, 1.0)
