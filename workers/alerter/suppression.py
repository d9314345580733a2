"""What holds an alert back: too unsure, too old, quiet hours, too many. Told the time. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from workers.alerter.digest import Digest
from workers.alerter.reasons import MOST_ALERTS
from workers.alerter.severity import LEVELS
from workers.alerter.story import Raised
from workers.alerter.times import HOUR_S
from workers.model.alert import Severity
from workers.settings.alerts import QuietSettings, RateSettings

__all__ = ["DAY_S", "Cause", "is_old_news", "is_quiet", "over_rate", "over_story_rate"]

Cause: TypeAlias = Literal["below-score", "quiet-hours", "story-rate", "rate", "old-news", "duplicate"]
DAY_S = 24 * HOUR_S
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def is_old_news(digest: Digest, fresh_h: float) -> bool:
    """Whether the report was long published when it reached us. One that does not say when is taken as fresh."""
    return digest.published is not None and digest.at - digest.published > fresh_h * HOUR_S


def is_quiet(now: float, severity: Severity, quiet: QuietSettings) -> bool:
    """Whether an alert of `severity` has to wait at `now`. Quiet hours that pass midnight belong to the day they begin."""
    if not quiet.enabled or LEVELS.index(severity) >= LEVELS.index(quiet.severity):
        return False
    local = datetime.fromtimestamp(now, _zone(quiet.time_zone))
    moment = local.time()
    if quiet.start < quiet.end:
        return quiet.start <= moment < quiet.end and _DAYS[local.weekday()] in quiet.days
    if moment >= quiet.start:
        return _DAYS[local.weekday()] in quiet.days
    return moment < quiet.end and _DAYS[(local - timedelta(days=1)).weekday()] in quiet.days


def over_story_rate(raised: Sequence[Raised], now: float, rate: RateSettings) -> bool:
    """Whether the story has had its alerts, or had one just now."""
    if not raised:
        return False
    return len(raised) >= MOST_ALERTS or now - raised[-1].at < rate.story_gap_h * HOUR_S


def over_rate(alerts: Sequence[float], now: float, rate: RateSettings) -> bool:
    """Whether the watch row had as many alerts as it may within the hour or the day. `alerts` are their times, in order."""
    last_day = len(alerts) - bisect_left(alerts, now - DAY_S)
    last_hour = len(alerts) - bisect_left(alerts, now - HOUR_S)
    return last_day >= rate.per_day or last_hour >= rate.per_hour


@lru_cache(maxsize=8)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
