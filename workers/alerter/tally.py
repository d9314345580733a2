"""Counts what a batch of the fold led to, and tells it once the batch is committed. No I/O but the telemetry port."""

from __future__ import annotations

from collections import Counter

from workers.alerter.folding import FoldResult
from workers.model.alert import Alert
from workers.ports import Telemetry

__all__ = ["Tally"]

_NO_COUNTRY = "none"


class Tally:
    """What happened in one batch."""

    def __init__(self) -> None:
        self._items: Counter[str] = Counter()
        self._alerts: Counter[tuple[str, str]] = Counter()
        self._suppressed: Counter[str] = Counter()

    def count(self, result: FoldResult) -> None:
        """One digest was folded."""
        self._items[result.outcome] += 1
        self._alerts.update((alert.reason, _country(alert)) for alert in result.alerts)
        self._suppressed.update(one.cause for one in result.suppressed)

    def tell(self, telemetry: Telemetry, topic: str, records: int) -> None:
        """The batch is committed."""
        telemetry.add("records_consumed_total", records, topic)
        telemetry.add("transactions_total", 1, "committed")
        for outcome, amount in self._items.items():
            telemetry.add("story_items_total", amount, outcome)
        for (reason, country), amount in self._alerts.items():
            telemetry.add("alerts_total", amount, reason, country)
        for cause, amount in self._suppressed.items():
            telemetry.add("alerts_suppressed_total", amount, cause)


def _country(alert: Alert) -> str:
    first = alert.attackers[0].country if alert.attackers else None
    return first or _NO_COUNTRY
