"""Second sources: rows that are asked only for what the first source's answer lacks. Pure.

A row with `second_to = { first = ["cvss"] }` is asked about a key where the provider `first` knows nothing of it, or
where its answer has no `cvss`. Where the first has not answered, nobody knows what is lacking: the second is not asked,
and what is not in its cache is `unavailable` too. Where nothing is lacking the second's answer is left out of the event.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import Enum
from typing import Any

from msgspec import Struct

from workers.enrich.rows import Cell, LookupRow
from workers.model import Lookup, LookupStatus

__all__ = ["Need", "SecondSources"]


class Need(Enum):
    """Whether a second source is to be asked."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class _Second(Struct, frozen=True):
    first: int
    names: tuple[str, ...]


class SecondSources:
    """Which rows are second sources, and to whom."""

    def __init__(self, rows: Sequence[LookupRow]) -> None:
        found = {at: second for at, row in enumerate(rows) if (second := _second_of(row, rows)) is not None}
        self._seconds: dict[int, _Second] = found

    def __bool__(self) -> bool:
        return bool(self._seconds)

    def split(self, cells: Collection[Cell]) -> tuple[list[Cell], list[Cell]]:
        """The cells that do not depend on others, and those of second sources."""
        both: tuple[list[Cell], list[Cell]] = ([], [])
        seconds = self._seconds
        for cell in cells:
            both[cell[0] in seconds].append(cell)
        return both

    def first_of(self, cell: Cell) -> Cell:
        """The same question to the first source. `cell` is one of a second source."""
        return self._seconds[cell[0]].first, cell[1]

    def need_of(self, cell: Cell, answers: Mapping[Cell, Lookup]) -> Need:
        """Whether the second source is to be asked, by the first's answer among `answers`. Not asked there: yes."""
        second = self._seconds[cell[0]]
        first = answers.get((second.first, cell[1]))
        if first is None or first.status is LookupStatus.NOT_FOUND:
            return Need.YES
        if first.value is None:
            return Need.UNKNOWN
        return Need.YES if _lacks(first.value, second.names) else Need.NO

    def not_unneeded(self, seconds: Sequence[Cell], answers: Mapping[Cell, Lookup]) -> list[Cell]:
        """The cells of second sources whose need is yes or unknown. For whole batches: once a question, and often."""
        table, found = self._seconds, []
        for cell in seconds:
            second = table[cell[0]]
            first = answers.get((second.first, cell[1]))
            if first is None or first.value is None or _lacks(first.value, second.names):
                found.append(cell)
        return found

    def needed(self, answers: Mapping[Cell, Lookup]) -> Callable[[Cell], bool]:
        """Says of a second source's cell whether it is to be asked."""
        return lambda cell: self.need_of(cell, answers) is Need.YES


def _lacks(value: Mapping[str, Any], names: Sequence[str]) -> bool:
    for name in names:
        part = value.get(name)
        if part is None or part == []:
            return True
    return False


def _second_of(row: LookupRow, rows: Sequence[LookupRow]) -> _Second | None:
    """None where the row is no second source, or its first is switched off."""
    for provider, names in row.settings.second_to.items():
        for at, other in enumerate(rows):
            if other.settings.provider == provider and other.settings.kind == row.settings.kind:
                return _Second(at, names)
    return None
