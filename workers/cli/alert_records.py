"""The alerts' topics as the commands see them: what was raised, what was held back, and who took note. Decides nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from workers.formats.alert import decode_alert
from workers.model import OutgoingRecord, Record
from workers.model.alert import Alert
from workers.model.alert_ack import AlertAck

__all__ = ["Known", "ack_record", "acks_of", "choose_alerts", "known_alerts", "parse_since", "pick"]

_SUPPRESSED_BY = "shirase-suppressed-by"
_SPAN = re.compile(r"^(\d{1,6})([mhd])$")
_SPANS = {"m": "minutes", "h": "hours", "d": "days"}


class Known(Struct, frozen=True, kw_only=True):
    """An alert, with what became of it. `cause`: what held it back, None where it was raised."""

    alert: Alert
    cause: str | None
    ack: AlertAck | None


def known_alerts(records: Iterable[Record], acks: Mapping[str, AlertAck]) -> list[Known]:
    """The alerts in `records`, the oldest first; what is no alert is passed over."""
    found = []
    for record in records:
        try:
            alert = decode_alert(record.value or b"")
        except msgspec.DecodeError:
            continue
        cause = dict(record.headers).get(_SUPPRESSED_BY)
        found.append(Known(alert=alert, cause=None if cause is None else cause.decode(), ack=acks.get(alert.id)))
    return sorted(found, key=lambda one: (one.alert.raised_at, one.alert.id))


def acks_of(records: Iterable[Record]) -> dict[str, AlertAck]:
    """The last word on each alert; a record without a value takes the note back."""
    found: dict[str, AlertAck] = {}
    for record in sorted(records, key=lambda one: (one.timestamp_ms, one.offset)):
        key = (record.key or b"").decode("utf-8", "replace")
        if record.value is None:
            found.pop(key, None)
            continue
        try:
            found[key] = msgspec.json.decode(record.value, type=AlertAck)
        except msgspec.DecodeError:
            continue
    return found


def ack_record(topic: str, ack: AlertAck) -> OutgoingRecord:
    """`ack` for the compacted topic of notes."""
    return OutgoingRecord(topic=topic, key=ack.alert_id.encode(), value=msgspec.json.encode(ack))


def choose_alerts(known: Iterable[Known], since: datetime | None, reasons: Sequence[str]) -> list[Known]:
    """Those raised since then and for one of the reasons; None and nothing choose all."""
    return [
        one
        for one in known
        if (since is None or datetime.fromisoformat(one.alert.raised_at) >= since)
        and (not reasons or one.alert.reason in reasons)
    ]


def pick(known: Sequence[Known], wanted: str) -> Known | None:
    """The alert whose id is or, for one alone, begins with `wanted`; None where none or several do."""
    exact = [one for one in known if one.alert.id == wanted]
    found = exact or [one for one in known if one.alert.id.startswith(wanted)]
    ids = {one.alert.id for one in found}
    return found[-1] if len(ids) == 1 else None


def parse_since(text: str, now: datetime) -> datetime:
    """A time from an ISO date or time (UTC where it names no zone), or from a span before `now`: 90m, 24h, 7d.

    Raises ValueError.
    """
    span = _SPAN.match(text)
    if span is not None:
        return now - timedelta(**{_SPANS[span[2]]: int(span[1])})
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
