"""Records as the broker carries them, and what becomes of each. Types only, no I/O."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from workers.model.event import TaggedEvent

__all__ = [
    "DeadLettered",
    "Filtered",
    "Headers",
    "Outcome",
    "OutgoingRecord",
    "Partition",
    "Record",
    "Tagged",
]

Headers: TypeAlias = tuple[tuple[str, bytes], ...]


class Partition(Struct, frozen=True, order=True):
    """A topic's partition."""

    topic: str
    number: int


class Record(Struct, frozen=True, kw_only=True):
    """A record as the broker delivered it. `timestamp_ms` is the broker's, in milliseconds since 1970."""

    partition: Partition
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class OutgoingRecord(Struct, frozen=True, kw_only=True):
    """A record to publish."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Tagged(Struct, frozen=True, kw_only=True):
    """The record became an event, published to `topics`."""

    event: TaggedEvent
    topics: tuple[str, ...]
    value: bytes


class DeadLettered(Struct, frozen=True, kw_only=True):
    """The record goes to the dead-letter topic, with its reason."""

    code: str
    detail: str


class Filtered(Struct, frozen=True, kw_only=True):
    """The record is dropped on purpose, with its reason."""

    code: str


Outcome: TypeAlias = Tagged | DeadLettered | Filtered
