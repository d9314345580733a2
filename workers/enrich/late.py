"""Items that wait for answers which came too late for their batch. In memory, bounded; told the time.

A row with `complete_late` has its unavailable answers noted here, with the items that asked. They are looked for again,
now and then, on a thread of their own, until there is an answer or `late_wait_s` is over; the answer then goes out by
item, apart from the stream's transactions, at least once: a batch that is repeated may bring it twice, under the same
event id. What waits here when a process dies is not completed; its event said `unavailable`, and stays true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock, Thread
from typing import TypeAlias

from msgspec import Struct

from workers.enrich.rows import Cell
from workers.errors import DependencyError
from workers.model import Lookup, LookupStatus, OutgoingRecord, Tlp
from workers.ports import Clock, LateAnswers, Telemetry

__all__ = ["LateBook", "LateParts", "Waiting"]

Waiting: TypeAlias = tuple[str, str, Tlp | None]
"""An item that waits: its id, the hash of its content, its marking."""
MOST_AT_ONCE = 1000
LOOK_EVERY_S = 1.0


class LateParts(Struct, frozen=True, kw_only=True):
    """Where late answers go, and in which form. At most `items` wait, for at most `wait_s` seconds."""

    port: LateAnswers
    build: Callable[[str, str, Tlp | None, Sequence[Lookup]], OutgoingRecord]
    items: int
    wait_s: float


class LateBook:
    """Who waits for what. For several threads."""

    def __init__(self, parts: LateParts, clock: Clock, telemetry: Telemetry) -> None:
        self._parts = parts
        self._clock = clock
        self._telemetry = telemetry
        self._lock = Lock()
        self._waiting: dict[Cell, dict[Waiting, float]] = {}
        self._size = 0
        self._thread: Thread | None = None

    def note(self, questions: Iterable[tuple[Cell, Waiting]]) -> None:
        """These items wait for these answers."""
        now = self._clock.monotonic()
        with self._lock:
            for cell, item in questions:
                items = self._waiting.setdefault(cell, {})
                self._size += item not in items
                items.setdefault(item, now)
            while self._size > self._parts.items:
                self._count("dropped", self._forget(next(iter(self._waiting))))

    def open_questions(self) -> list[Cell]:
        """What is still to be answered, those first that were not looked for last. Gives up on what is too old."""
        oldest = self._clock.monotonic() - self._parts.wait_s
        with self._lock:
            for cell in [cell for cell, items in self._waiting.items() if max(items.values()) < oldest]:
                self._count("expired", self._forget(cell))
            chosen = list(self._waiting)[:MOST_AT_ONCE]
            for cell in chosen:
                self._waiting[cell] = self._waiting.pop(cell)
            return chosen

    def settle(self, answers: Mapping[Cell, Lookup]) -> None:
        """Send the answers among these to the items that wait for them."""
        by_item: dict[Waiting, list[tuple[Cell, Lookup]]] = {}
        with self._lock:
            for cell, lookup in answers.items():
                if lookup.status is not LookupStatus.UNAVAILABLE:
                    items = self._waiting.pop(cell, {})
                    self._size -= len(items)
                    for item in items:
                        by_item.setdefault(item, []).append((cell, lookup))
        if by_item:
            self._send(by_item)

    def forget(self, cells: Iterable[Cell]) -> None:
        """Nobody need wait for these any more: what they were to tell has become known otherwise."""
        with self._lock:
            number = sum(self._forget(cell) for cell in cells if cell in self._waiting)
        if number:
            self._count("unneeded", number)

    def keep_looking(self, look: Callable[[], None], is_over: Callable[[float], bool]) -> None:
        """Run `look` now and then on a thread of its own, while anything waits; `is_over` waits and says when to end."""

        def work() -> None:
            while not is_over(LOOK_EVERY_S):
                look()

        with self._lock:
            if self._waiting and (self._thread is None or not self._thread.is_alive()):
                self._thread = Thread(target=work, name="late-lookups", daemon=True)
                self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Wait for the thread, which has been told that it is over."""
        if self._thread is not None:
            self._thread.join(max(0.0, timeout_s))

    def __len__(self) -> int:
        return self._size

    def _send(self, by_item: Mapping[Waiting, Sequence[tuple[Cell, Lookup]]]) -> None:
        records = [self._parts.build(*item, [lookup for _, lookup in found]) for item, found in by_item.items()]
        lookups = sum(map(len, by_item.values()))
        try:
            self._parts.port.publish(records)
        except DependencyError:
            self._count("failed", lookups)
            self.note((cell, item) for item, found in by_item.items() for cell, _ in found)
        else:
            self._count("published", lookups)

    def _forget(self, cell: Cell) -> int:
        number = len(self._waiting.pop(cell))
        self._size -= number
        return number

    def _count(self, result: str, number: int) -> None:
        self._telemetry.add("late_answers_total", number, result)
