"""What may be sent: sizes of events and dead letters, so that no single record can stop a batch for good. Pure."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Struct

from workers.errors import ItemError
from workers.model import OutgoingRecord

__all__ = ["OutputLimits", "fit_dead_letter"]

_FRAME = 4_096  # what a record batch and a request add to one record, generously


class OutputLimits(Struct, frozen=True, kw_only=True):
    """Where events and dead letters go, and how large (bytes) one request may be."""

    output: str
    dead_letter: str
    max_request_bytes: int

    def check_event(self, value: bytes) -> None:
        """Raises ItemError `event-too-large` where the event cannot be sent."""
        room = self.max_request_bytes // 2
        if len(value) > room:
            raise ItemError("event-too-large", f"the tagged event has {len(value)} bytes, at most {room} can be sent")


def fit_dead_letter(letter: OutgoingRecord, limits: OutputLimits) -> OutgoingRecord:
    """`letter` as it can be sent.

    A value larger than a request (it came compressed) is cut, and its headers say so with size and hash: the whole of it
    stands at its origin. A record without key and value goes out with an empty value, since a producer refuses it.
    """
    if letter.value is None and letter.key is None:
        return msgspec.structs.replace(letter, value=b"")
    overhead = _FRAME + len(letter.key or b"") + sum(len(name) * 3 + len(value) + 10 for name, value in letter.headers)
    value = letter.value or b""
    room = limits.max_request_bytes - overhead
    if len(value) <= room:
        return letter
    cut = (
        ("shirase-cut-from-bytes", str(len(value)).encode()),
        ("shirase-cut-sha256", hashlib.sha256(value).hexdigest().encode()),
    )
    kept = letter.headers if room > 0 else ()
    key = letter.key if room > 0 else None
    room = max(room, limits.max_request_bytes // 2) - _FRAME
    return OutgoingRecord(topic=letter.topic, key=key, value=value[:room], headers=kept + cut)
