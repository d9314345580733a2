"""One partition's log: offsets, last stable offset, aborted transactions, lookups by time.

A record's life here: `append` gives it an offset; while its transaction is open it lies at or after the last stable
offset and `read_committed` readers do not get it; a marker closes the transaction, and an abort is also entered in
the list that readers use to skip its records. The log trusts its callers on who may write (see `transactions`).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple

from workers.embedded import batch as batches
from workers.embedded.batch import BatchHeader
from workers.embedded.codes import Code
from workers.embedded.sequences import Sequences
from workers.embedded.storage import BatchStore

__all__ = ["Aborted", "Appended", "PartitionLog", "Slice"]


class Appended(NamedTuple):
    """The answer to a batch: an error, or the offset of its first record (that of the first copy for a repeat)."""

    code: int
    base_offset: int = -1


class Aborted(NamedTuple):
    """An aborted transaction: its records lie from `first_offset` to its marker at `marker_offset`."""

    producer_id: int
    first_offset: int
    marker_offset: int


class Slice(NamedTuple):
    """What one fetch gets of a partition."""

    records: bytes
    aborted: list[Aborted]


@dataclass(frozen=True, slots=True)
class _Entry:
    base: int
    last: int
    max_timestamp: int
    size: int


class PartitionLog:
    """An append-only row of record batches with transaction bookkeeping."""

    def __init__(self, store: BatchStore) -> None:
        self._store = store
        self._entries: list[_Entry] = []
        self._lasts: list[int] = []  # last offset per entry, for bisection
        self._sequences = Sequences()
        self._open: dict[int, int] = {}  # producer id -> first offset of its open transaction
        self._aborted: list[Aborted] = []
        self.start_offset = 0
        self.end_offset = 0
        for stored in store.load():
            self._index(BatchHeader.read(stored), stored)

    @property
    def last_stable_offset(self) -> int:
        """The first offset that an open transaction holds back, else the end."""
        return min(self._open.values(), default=self.end_offset)

    def bound(self, *, committed_only: bool) -> int:
        """The offset a reader of this isolation may read up to (not including)."""
        return self.last_stable_offset if committed_only else self.end_offset

    def has_open(self, producer_id: int) -> bool:
        """Whether this producer has unfinished transactional records here."""
        return producer_id in self._open

    def append(self, produced: bytes, header: BatchHeader) -> Appended:
        """Append a checked batch once: a repeat is answered with the offset of its first copy.

        Raises:
            OSError: the store could not keep it; nothing was appended.

        """
        code, first_copy = self._sequences.check(header)
        if code or first_copy is not None:
            return Appended(code, -1 if first_copy is None else first_copy)
        return Appended(Code.NONE, self._write(produced))

    def end_transaction(self, producer: tuple[int, int], *, commit: bool, timestamp_ms: int) -> None:
        """Write the marker that ends the open transaction of `producer` (id, epoch); without one, do nothing.

        Raises:
            OSError: the store could not keep it; the transaction stays open.

        """
        if self.has_open(producer[0]):
            self._write(batches.marker(producer, commit=commit, timestamp_ms=timestamp_ms))

    def read(self, offset: int, max_bytes: int, *, committed_only: bool, at_least_one: bool) -> Slice:
        """Return whole batches from the one that holds `offset`, within `max_bytes` (but the first if asked)."""
        bound = self.bound(committed_only=committed_only)
        first = stop = bisect_left(self._lasts, offset)
        taken = 0
        while stop < len(self._entries) and self._entries[stop].base < bound:
            size = self._entries[stop].size
            if taken + size > max_bytes and not (at_least_one and taken == 0):
                break
            taken += size
            stop += 1
        if first == stop:
            return Slice(b"", [])
        aborted = self._aborted_between(offset, self._entries[stop - 1].last) if committed_only else []
        return Slice(self._store.read(first, stop), aborted)

    def readable_bytes(self, offset: int, limit: int, *, committed_only: bool) -> int:
        """Count the bytes that `read` could return, stopping once `limit` is reached."""
        bound = self.bound(committed_only=committed_only)
        total = 0
        for position in range(bisect_left(self._lasts, offset), len(self._entries)):
            entry = self._entries[position]
            if total >= limit or entry.base >= bound:
                break
            total += entry.size
        return total

    def find_time(self, timestamp_ms: int) -> tuple[int, int] | None:
        """Find (offset, timestamp) of the first record stamped at or after a time."""
        for position, entry in enumerate(self._entries):
            if entry.max_timestamp >= timestamp_ms:
                found = batches.first_at_or_after(
                    self._store.read(position, position + 1), timestamp_ms, self.start_offset
                )
                if found:
                    return found
        return None

    def find_newest(self) -> tuple[int, int] | None:
        """Find (offset, timestamp) of the record with the highest timestamp."""
        newest = max((entry.max_timestamp for entry in self._entries), default=None)
        return None if newest is None else self.find_time(newest)

    def delete_before(self, offset: int) -> None:
        """Make `offset` the first one that can be read."""
        self.start_offset = max(self.start_offset, offset)
        dropped = bisect_left(self._lasts, self.start_offset)
        del self._entries[:dropped]
        del self._lasts[:dropped]
        self._store.drop_first(dropped)

    def close(self) -> None:
        """Let go of the store; no other call may follow."""
        self._store.close()

    def _write(self, batch: bytes) -> int:
        base = self.end_offset
        placed = batches.place(batch, base)
        self._store.append(placed)
        self._index(BatchHeader.read(placed), placed)
        return base

    def _index(self, header: BatchHeader, batch: bytes) -> None:
        last = header.base_offset + header.last_offset_delta
        self._entries.append(_Entry(header.base_offset, last, header.max_timestamp, header.size))
        self._lasts.append(last)
        self.end_offset = last + 1
        if header.is_control:
            self._close_transaction(header, commit=batches.is_commit(batch))
            return
        self._sequences.record(header, header.base_offset)
        if header.is_transactional:
            self._open.setdefault(header.producer_id, header.base_offset)

    def _close_transaction(self, header: BatchHeader, *, commit: bool) -> None:
        self._sequences.end_transaction(header.producer_id, header.producer_epoch)
        first = self._open.pop(header.producer_id, None)
        if first is not None and not commit:
            self._aborted.append(Aborted(header.producer_id, first, header.base_offset))

    def _aborted_between(self, offset: int, last: int) -> list[Aborted]:
        # Markers only ever go to the end of the log, so the list is sorted by marker offset.
        start = bisect_left(self._aborted, offset, key=lambda aborted: aborted.marker_offset)
        return [aborted for aborted in self._aborted[start:] if aborted.first_offset <= last]
