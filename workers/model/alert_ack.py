"""A note on an alert: somebody has looked at it. Types only, no I/O."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["AlertAck"]


class AlertAck(Struct, frozen=True, kw_only=True):
    """Somebody took note of an alert. The last one of an alert counts; a record without a value takes it back."""

    schema: Literal["shirase.alert-ack/1"] = "shirase.alert-ack/1"
    alert_id: str
    by: str
    at: str
    note: str | None = None
