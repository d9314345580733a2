"""Offsets that consumer groups committed, and those that open transactions still hold back.

Knows nothing of members and generations: whoever calls has checked them. A journal entry holds one commit whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from workers.embedded.journal import Entry, Journal

__all__ = ["Committed", "GroupOffsets", "Place"]

Place = tuple[str, int]
"""A topic's name and a partition."""


class Committed(NamedTuple):
    """A committed offset: the next one to read."""

    offset: int
    leader_epoch: int = -1
    metadata: str = ""


class GroupOffsets:
    """Committed offsets per group, and which of them a transaction is about to change."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._committed: dict[str, dict[Place, Committed]] = {}
        self._held: dict[tuple[str, Place], set[str]] = {}  # transactional ids with an unfinished commit

    def of(self, group: str) -> Mapping[Place, Committed]:
        """Return what the group has committed."""
        return self._committed.get(group, {})

    def groups(self) -> set[str]:
        """Name the groups that have committed anything."""
        return set(self._committed)

    def commit(self, group: str, offsets: Mapping[Place, Committed]) -> None:
        """Commit these offsets at once.

        Raises:
            OSError: the journal could not keep them; nothing changed.

        """
        self._journal.write(_offsets_entry(group, offsets))
        self.put(group, offsets)

    def put(self, group: str, offsets: Mapping[Place, Committed]) -> None:
        """Set offsets whose commit the journal already holds."""
        self._committed.setdefault(group, {}).update(offsets)

    def forget(self, group: str, places: list[Place]) -> None:
        """Remove single offsets of a group."""
        self._journal.write({"kind": "offsets-deleted", "group": group, "places": places})
        self._forget(group, places)

    def forget_group(self, group: str) -> None:
        """Remove everything the group committed."""
        self._journal.write({"kind": "group-deleted", "group": group})
        self._committed.pop(group, None)

    def hold(self, transactional_id: str, group: str, places: list[Place]) -> None:
        """Mark offsets that an open transaction will change: their stable value is not known yet."""
        for place in places:
            self._held.setdefault((group, place), set()).add(transactional_id)

    def release(self, transactional_id: str) -> None:
        """Unmark everything a finished transaction held."""
        for key in [key for key, holders in self._held.items() if transactional_id in holders]:
            self._held[key].discard(transactional_id)
            if not self._held[key]:
                del self._held[key]

    def is_held(self, group: str, place: Place) -> bool:
        """Whether an open transaction is about to change this offset."""
        return (group, place) in self._held

    def apply(self, entries: list[Entry]) -> None:
        """Rebuild the committed offsets that these journal entries describe."""
        for entry in entries:
            if entry["kind"] == "offsets":
                self.put(entry["group"], decode_offsets(entry["offsets"]))
            elif entry["kind"] == "offsets-deleted":
                self._forget(entry["group"], [(topic, partition) for topic, partition in entry["places"]])
            elif entry["kind"] == "group-deleted":
                self._committed.pop(entry["group"], None)

    def snapshot(self) -> Iterator[Entry]:
        """Give the journal entries that rebuild the present offsets."""
        for group, offsets in self._committed.items():
            yield _offsets_entry(group, offsets)

    def _forget(self, group: str, places: list[Place]) -> None:
        offsets = self._committed.get(group, {})
        for place in places:
            offsets.pop(place, None)


def encode_offsets(offsets: Mapping[Place, Committed]) -> list[list[str | int]]:
    """Turn offsets into what a journal entry can hold."""
    return [[*place, *committed] for place, committed in offsets.items()]


def decode_offsets(rows: list[list[object]]) -> dict[Place, Committed]:
    """Turn what `encode_offsets` wrote back into offsets."""
    return {(str(row[0]), int(str(row[1]))): Committed(int(str(row[2])), int(str(row[3])), str(row[4])) for row in rows}


def _offsets_entry(group: str, offsets: Mapping[Place, Committed]) -> Entry:
    return {"kind": "offsets", "group": group, "offsets": encode_offsets(offsets)}
