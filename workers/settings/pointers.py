"""Where in a document a value stands, as a row of `lookups.toml` says it: JSON pointers, with two additions. Pure.

A pointer (RFC 6901) names one place. Where a list has no fixed order, the step `*` stands for "each element": such a
pointer names every place that fits. And a row may name several pointers for one value: the first that leads to a value
other than null wins. A value named in `lists` collects all texts and numbers instead, each once, in order; one named in `numbers`
is turned into a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from jsonpointer import JsonPointer

from workers.settings.schema import LookupSettings

__all__ = ["MISSING", "EntryReader", "resolve"]

MISSING = object()
EACH = "*"
MOST_IN_A_LIST = 100


class EntryReader:
    """Reads one entry's values as the row's `answers`, `numbers` and `lists` say."""

    def __init__(self, row: LookupSettings) -> None:
        self._members = {
            name: [_steps(pointer) for pointer in ([pointers] if isinstance(pointers, str) else pointers)]
            for name, pointers in row.answers.items()
        }
        self._numbers = frozenset(row.numbers)
        self._lists = frozenset(row.lists)

    def value(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """The values by name; null where the entry has none."""
        return {name: self._part(name, paths, entry) for name, paths in self._members.items()}

    def _part(self, name: str, paths: list[tuple[str, ...]], entry: Mapping[str, Any]) -> Any:
        found = (part for path in paths for part in _walk(entry, path) if part is not None)
        if name in self._lists:
            return _collected(found)
        part = next(found, None)
        return _number(part) if name in self._numbers else part


def resolve(document: Any, pointer: str) -> Any:
    """What stands at `pointer`, `MISSING` where there is no such place."""
    return next(_walk(document, _steps(pointer)), MISSING)


def _steps(pointer: str) -> tuple[str, ...]:
    return tuple(str(part) for part in JsonPointer(pointer).parts)


def _walk(document: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    if not steps:
        yield document
        return
    step, rest = steps[0], steps[1:]
    if isinstance(document, Mapping):
        if step in document:
            yield from _walk(document[step], rest)
    elif isinstance(document, list):
        if step == EACH:
            for element in document:
                yield from _walk(element, rest)
        elif step.isascii() and step.isdigit() and int(step[:9]) < len(document):
            yield from _walk(document[int(step)], rest)


def _collected(found: Iterator[Any]) -> list[Any]:
    parts: list[Any] = []
    for part in found:
        for one in part if isinstance(part, list) else [part]:
            if isinstance(one, str | int | float) and one not in parts:
                parts.append(one)
            if len(parts) >= MOST_IN_A_LIST:
                return parts
    return parts


def _number(part: Any) -> float | None:
    if isinstance(part, bool) or not isinstance(part, str | int | float):
        return None
    try:
        number = float(part)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
