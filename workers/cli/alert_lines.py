"""An alert as a line for a person. Pure."""

from __future__ import annotations

from workers.model.alert import Alert

__all__ = ["ALERT_COLUMNS", "alert_row", "said"]

ALERT_COLUMNS = ("reason", "severity", "watch", "attackers", "targets", "reports", "source", "title")


def alert_row(alert: Alert) -> dict[str, str]:
    """The cells under `ALERT_COLUMNS`."""
    attackers = [
        "/".join(dict.fromkeys([one.country or "?", *(actor.name for actor in one.actors)])) for one in alert.attackers
    ]
    source = alert.item.source
    return {
        "reason": alert.reason,
        "severity": alert.severity,
        "watch": alert.watch,
        "attackers": ", ".join(attackers),
        "targets": ", ".join(country.code for country in alert.targets.countries),
        "reports": said(alert),
        "source": (source.name or "") if source is not None else "",
        "title": alert.story.title or alert.item.title or alert.item.id,
    }


def said(alert: Alert) -> str:
    """How often, in a few characters: reports and independent sources, or the surge's figures."""
    if alert.surge is not None:
        return f"{alert.surge.count} in {alert.surge.window_s // 3600} h, usual {alert.surge.usual:g}"
    return f"{alert.story.items} from {alert.story.sources}"
