"""Times as feeds write them, and as other formats want them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["utc_milliseconds"]

# What is older is a slip of the feed, and some readers of other formats know no years before it.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_milliseconds(text: str | None) -> str | None:
    """The time that `text` gives as `2026-05-01T09:30:00.000Z`, one without a zone taken as UTC; None where it is no time."""
    try:
        moment = datetime.fromisoformat(text or "")
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z" if moment >= _EPOCH else None
