"""Answers kept in the process: bounded, decoded once, read for a whole batch under one lock. No I/O.

What is held is the finished lookup, so that a hit costs a dictionary access and two comparisons.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from threading import Lock

from cachetools import LRUCache
from msgspec import Struct

from workers.enrich.entries import Entry
from workers.enrich.rows import Cell
from workers.model import Lookup, LookupStatus

__all__ = ["Held", "ProcessCache", "hold", "iso_time"]


class Held(Struct, frozen=True, kw_only=True):
    """An answer ready to serve, in both its ages. `checked_until`: when the shared cache is asked again (monotonic)."""

    fresh: Lookup
    stale: Lookup
    soft_at_ms: int
    hard_at_ms: int
    checked_until: float

    def at(self, now_ms: int) -> Lookup:
        """The lookup as it stands at `now_ms`, which is before the hard expiry."""
        return self.fresh if now_ms < self.soft_at_ms else self.stale


class ProcessCache:
    """At most `entries` answers, the least recently used go first. For several threads."""

    def __init__(self, entries: int) -> None:
        self._entries: LRUCache[Cell, Held] = LRUCache(entries)
        self._lock = Lock()

    def read(
        self, cells: Iterable[Cell], now_ms: int, monotonic: float
    ) -> tuple[dict[Cell, Lookup], dict[Cell, Held | None]]:
        """The fresh answers, and for all other cells what is held of them, if anything."""
        fresh: dict[Cell, Lookup] = {}
        rest: dict[Cell, Held | None] = {}
        get = self._entries.get
        with self._lock:
            for cell in cells:
                held = get(cell)
                if held is not None and now_ms < held.soft_at_ms and monotonic < held.checked_until:
                    fresh[cell] = held.fresh
                else:
                    rest[cell] = held
        return fresh, rest

    def peek(self, cells: Iterable[Cell], now_ms: int) -> dict[Cell, Held]:
        """What is held of the cells and still fresh."""
        with self._lock:
            held = [(cell, self._entries.get(cell)) for cell in cells]
        return {cell: one for cell, one in held if one is not None and now_ms < one.soft_at_ms}

    def write(self, answers: Mapping[Cell, Held]) -> None:
        """Keep these answers."""
        with self._lock:
            self._entries.update(answers)

    def __len__(self) -> int:
        return len(self._entries)


def hold(kind: str, key: str, entry: Entry, checked_until: float) -> Held:
    """The entry as finished lookups. Of "nothing known" there is no stale form; its two expiries are one."""
    is_known = entry.value is not None
    fresh = Lookup(
        kind=kind,
        key=key,
        status=LookupStatus.FOUND if is_known else LookupStatus.NOT_FOUND,
        source=entry.source,
        fetched_at=iso_time(entry.born_ms),
        value=entry.value,
    )
    stale = fresh
    if is_known:
        stale = Lookup(
            kind=kind,
            key=key,
            status=LookupStatus.STALE,
            source=entry.source,
            fetched_at=fresh.fetched_at,
            value=entry.value,
        )
    return Held(
        fresh=fresh,
        stale=stale,
        soft_at_ms=entry.expiry.soft_at_ms,
        hard_at_ms=entry.expiry.hard_at_ms if is_known else entry.expiry.soft_at_ms,
        checked_until=checked_until,
    )


def iso_time(milliseconds: int) -> str:
    """ISO 8601 in UTC, to the second, with a Z."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
