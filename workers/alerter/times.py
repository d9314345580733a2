"""Times as the events write them, in seconds since 1970, and back. Pure; nothing here asks what time it is."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["HOUR_S", "moment_text", "seconds_of"]

HOUR_S = 3600


def seconds_of(text: str | None) -> float | None:
    """The moment that `text` (RFC 3339 or a date, UTC where it names no zone) gives; None where it gives none."""
    try:
        moment = datetime.fromisoformat(text or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def moment_text(seconds: float) -> str:
    """RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
