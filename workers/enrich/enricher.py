"""Answers the questions of a whole batch of items, within a deadline, and never with an error. No I/O but through ports.

In order: what the marking forbids is withheld before anything is asked; then the process's own answers; then one read
of the shared cache; then the providers, batched, on their own threads. What is not there by the row's deadline is
`unavailable` in this batch, and in the caches for the next. A stale answer is served at once and refreshed behind the
batch's back. Everything cached costs a dictionary access per question: no provider, no server, no decoding.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from workers.enrich.asking import Asker
from workers.enrich.breaker import BreakerPolicy, Gate
from workers.enrich.fetching import Flight, RowFetcher
from workers.enrich.planner import LookupRequest, Plan, Planner
from workers.enrich.pool import ThreadPool
from workers.enrich.process_cache import Held
from workers.enrich.rate import Budget
from workers.enrich.rows import Cell, LookupRow, cache_key
from workers.enrich.seconds import Need, SecondSources
from workers.enrich.tools import EnrichTools
from workers.errors import DependencyError
from workers.model import Lookup, LookupStatus

__all__ = ["CachedEnricher", "Enricher", "NullEnricher", "askers_of"]


class Enricher(Protocol):
    """Looks up what is known about what an item names."""

    def look_up(self, requests: Sequence[LookupRequest]) -> Sequence[list[Lookup]]:
        """The lookups of each request, in the order of the requests. Takes no longer than the rows' deadlines."""
        ...

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop, waiting for calls under way for at most `timeout_s` seconds."""
        ...


class NullEnricher:
    """Asks nobody anything."""

    def look_up(self, requests: Sequence[LookupRequest]) -> Sequence[list[Lookup]]:
        """No lookups for any request."""
        return [[] for _ in requests]

    def close(self, timeout_s: float = 2.0) -> None:
        """Nothing to stop."""


class CachedEnricher:
    """See the module. `look_up` is for one thread at a time or for several; the caches are shared by all."""

    def __init__(self, rows: Sequence[LookupRow], tools: EnrichTools) -> None:
        """Raises KeyError for a row of a kind that no analysis raises."""
        self._rows = rows
        self._tools = tools
        self._planner = Planner(rows)
        self._askers = askers_of(rows, tools)
        pools = _pools_of([rows[at] for at in self._askers])
        self._fetchers = {
            at: RowFetcher(at, rows[at], tools, asker, pools[rows[at].settings.provider])
            for at, asker in self._askers.items()
        }
        self._seconds = SecondSources(rows)
        self._budgets = {asker.budget for asker in self._askers.values() if asker.budget is not None}
        self._late_rows = frozenset(at for at, row in enumerate(rows) if row.settings.complete_late)

    def look_up(self, requests: Sequence[LookupRequest]) -> Sequence[list[Lookup]]:
        """See `Enricher`."""
        started = self._tools.clock.monotonic()
        plan = self._planner.plan
        plans = [plan(request) for request in requests]
        cells = dict.fromkeys([step for steps in plans for step in steps if not isinstance(step, Lookup)])
        answers = self._answer(cells, started) if cells else {}
        lookups = _filled(plans, answers) if self._seconds else _filled_whole(plans, answers)
        self._count(lookups)
        for budget in self._budgets:
            budget.show()
        if self._late_rows and self._tools.late is not None:
            self._note_late(requests, plans, answers)
        return lookups

    def close(self, timeout_s: float = 2.0) -> None:
        """See `Enricher`."""
        self._tools.closing.set()
        deadline = self._tools.clock.monotonic() + timeout_s
        for fetcher in self._fetchers.values():
            fetcher.close(deadline)
        self._settle_late(deadline)
        for close in self._tools.closers:
            close()

    def complete_late(self) -> None:
        """Look once more for what items still wait for, and send what was found."""
        late = self._tools.late
        if late is not None and (cells := late.open_questions()):
            answers = self._answer(cells, self._tools.clock.monotonic())
            late.settle(answers)
            late.forget(cell for cell in cells if cell not in answers)

    def _note_late(
        self, requests: Sequence[LookupRequest], plans: Sequence[Plan], answers: Mapping[Cell, Lookup]
    ) -> None:
        late = self._tools.late
        unanswered = {
            cell
            for cell, lookup in answers.items()
            if lookup.status is LookupStatus.UNAVAILABLE and cell[0] in self._late_rows
        }
        if late is None or not unanswered:
            return
        late.note(
            (step, (request.item_id, request.content_sha256, request.tlp))
            for request, steps in zip(requests, plans, strict=True)
            for step in steps
            if not isinstance(step, Lookup) and step in unanswered
        )
        late.keep_looking(self.complete_late, self._tools.wait)

    def _settle_late(self, deadline: float) -> None:
        """What came in the last moments still goes out."""
        late = self._tools.late
        if late is not None:
            late.close(deadline - self._tools.clock.monotonic())
            held = self._tools.process.peek(late.open_questions(), self._tools.now_ms())
            late.settle({cell: one.fresh for cell, one in held.items()})

    def _answer(self, cells: Collection[Cell], started: float) -> dict[Cell, Lookup]:
        """The answers; none for a second source that has nothing to add."""
        now_ms = self._tools.now_ms()
        answers, rest = self._read_process(cells, now_ms, started)
        self._tools.telemetry.add("cache_requests_total", len(answers), "process", "hit")
        if rest:
            self._tools.telemetry.add("cache_requests_total", len(rest), "process", "miss")
            self._answer_locally([cell for cell in rest if self._rows[cell[0]].is_local], answers)
            remote = {cell: held for cell, held in rest.items() if not self._rows[cell[0]].is_local}
            if remote:
                self._answer_remotely(remote, answers, now_ms, started)
            for number, key in rest.keys() - answers.keys():
                answers[number, key] = self._rows[number].without_answer(key, LookupStatus.UNAVAILABLE)
            for cell in self._seconds.split(answers)[1] if self._seconds else ():
                if self._seconds.need_of(cell, answers) is Need.NO:
                    del answers[cell]
        return answers

    def _read_process(
        self, cells: Collection[Cell], now_ms: int, started: float
    ) -> tuple[dict[Cell, Lookup], dict[Cell, Held | None]]:
        """What the process knows, and the rest. Second sources that have nothing to add are in neither."""
        read = self._tools.process.read
        if not self._seconds:
            return read(cells, now_ms, started)
        firsts, seconds = self._seconds.split(cells)
        answers, rest = read(firsts, now_ms, started)
        known = answers
        if unread := {first for cell in seconds if (first := self._seconds.first_of(cell)) not in answers}:
            held = self._tools.process.peek(unread, now_ms)
            known = answers | {cell: one.fresh for cell, one in held.items()}
        wanted = self._seconds.not_unneeded(seconds, known)
        more, others = read(wanted, now_ms, started)
        return answers | more, rest | others

    def _answer_locally(self, cells: Sequence[Cell], answers: dict[Cell, Lookup]) -> None:
        for number, keys in _by_row(cells).items():
            row = self._rows[number]
            try:
                found = row.provider.fetch(keys, row.settings.deadline_ms / 1000)
            except DependencyError:
                continue
            entries = self._tools.entries_of(row, found)
            held = {(number, key): self._tools.held(row, key, entry) for key, entry in entries.items()}
            self._tools.process.write(held)
            now_ms = self._tools.now_ms()
            answers.update({cell: kept.at(now_ms) for cell, kept in held.items()})

    def _answer_remotely(
        self, rest: Mapping[Cell, Held | None], answers: dict[Cell, Lookup], now_ms: int, started: float
    ) -> None:
        held, again = self._consult_shared(rest, now_ms)
        answers.update({cell: kept.at(now_ms) for cell, kept in held.items()})
        missing = [cell for cell in rest if cell not in answers]
        if not self._seconds:
            self._fetch(missing, again, answers, started)
            return
        first_missing, second_missing = self._seconds.split(missing)
        first_again, second_again = self._seconds.split(again)
        self._fetch(first_missing, first_again, answers, started)
        known = {cell: self._rows[cell[0]].without_answer(cell[1], LookupStatus.UNAVAILABLE) for cell in first_missing}
        needed = self._seconds.needed(known | answers)
        self._fetch([*filter(needed, second_missing)], [*filter(needed, second_again)], answers, started)

    def _consult_shared(self, rest: Mapping[Cell, Held | None], now_ms: int) -> tuple[dict[Cell, Held], list[Cell]]:
        """The best that shared cache and process hold of each cell, and the cells to be refreshed behind the batch."""
        tools = self._tools
        values = tools.shared.read([cache_key(self._rows[number], key) for number, key in rest])
        held: dict[Cell, Held] = {}
        for (cell, kept), value in zip(rest.items(), values or [None] * len(rest), strict=True):
            found = None if value is None else tools.read_entry(self._rows[cell[0]], cell[1], value)
            best = max((one for one in (found, kept) if one is not None), key=lambda one: one.soft_at_ms, default=None)
            if best is not None and best.hard_at_ms > now_ms:
                held[cell] = best
        if values is None:
            again = [cell for cell, kept in held.items() if kept.soft_at_ms <= now_ms]
            held = self._rechecked_later(held)
        else:
            found_cells = {cell for cell, value in zip(rest, values, strict=True) if value is not None}
            again = [cell for cell, kept in held.items() if kept.soft_at_ms <= now_ms or cell not in found_cells]
            self._count_shared(rest, held, found_cells, now_ms)
        tools.process.write(held)
        return held, again

    def _rechecked_later(self, held: Mapping[Cell, Held]) -> dict[Cell, Held]:
        """With the shared cache away the process's own answers do for another while."""
        until = self._tools.clock.monotonic() + self._tools.settings.process_ttl_ms / 1000
        return {cell: msgspec.structs.replace(kept, checked_until=until) for cell, kept in held.items()}

    def _count_shared(self, rest: Iterable[Cell], held: Mapping[Cell, Held], found: set[Cell], now_ms: int) -> None:
        results: Counter[str] = Counter()
        for cell in rest:
            kept = held.get(cell) if cell in found else None
            results["miss" if kept is None else "hit" if now_ms < kept.soft_at_ms else "stale"] += 1
        for result, number in results.items():
            self._tools.telemetry.add("cache_requests_total", number, "shared", result)

    def _fetch(
        self, missing: Sequence[Cell], again: Sequence[Cell], answers: dict[Cell, Lookup], started: float
    ) -> None:
        by_row, again_by_row = _by_row(missing), _by_row(again)
        sent: list[tuple[int, float, list[Flight]]] = []
        for number in by_row.keys() | again_by_row.keys():
            deadline = started + self._rows[number].settings.deadline_ms / 1000
            fetcher = self._fetchers[number]
            flights = fetcher.start(by_row.get(number, []), again_by_row.get(number, []), deadline)
            sent.append((number, deadline, flights))
        for number, deadline, flights in sorted(sent, key=lambda one: one[1]):
            self._fetchers[number].wait(flights, deadline)
            arrived = {key: kept for flight in flights for key, kept in flight.answers.copy().items()}
            answers.update({(number, key): arrived[key].fresh for key in by_row.get(number, []) if key in arrived})

    def _count(self, lookups: Iterable[list[Lookup]]) -> None:
        statuses = Counter([(lookup.kind, lookup.status) for some in lookups for lookup in some])
        for (kind, status), number in statuses.items():
            self._tools.telemetry.add("lookup_answers_total", number, kind, status.value)


def askers_of(rows: Sequence[LookupRow], tools: EnrichTools) -> dict[int, Asker]:
    """One for each row that asks somebody. Rows of one provider share its breaker."""
    policy = BreakerPolicy(failures=tools.settings.breaker_failures, open_s=tools.settings.breaker_open_ms / 1000)
    remote = {at: row for at, row in enumerate(rows) if not row.is_local}
    gates = {
        provider: Gate(provider, policy, tools.clock, tools.telemetry)
        for provider in dict.fromkeys(row.settings.provider for row in remote.values())
    }
    budgets: dict[str, Budget] = {}
    for row in remote.values():
        provider = row.settings.provider
        if row.rate is not None and provider not in budgets:
            budgets[provider] = Budget(provider, row.rate, tools.clock, tools.telemetry)
    return {
        at: Asker(row, tools, gates[row.settings.provider], budgets.get(row.settings.provider))
        for at, row in remote.items()
    }


def _pools_of(rows: Sequence[LookupRow]) -> dict[str, ThreadPool]:
    """One for each provider, as large as the largest of its rows wants it: so many calls to it at once, and no more."""
    threads: dict[str, int] = {}
    for row in rows:
        provider = row.settings.provider
        threads[provider] = max(threads.get(provider, 1), row.settings.concurrency)
    return {provider: ThreadPool(f"lookup-{provider}", threads=number) for provider, number in threads.items()}


def _filled_whole(plans: Sequence[Plan], answers: Mapping[Cell, Lookup]) -> list[list[Lookup]]:
    """The plans with the answers in the place of their questions: all of them have one."""
    return [[step if isinstance(step, Lookup) else answers[step] for step in steps] for steps in plans]


def _filled(plans: Sequence[Plan], answers: Mapping[Cell, Lookup]) -> list[list[Lookup]]:
    """The same, but for the questions that nobody needs answered."""
    get = answers.get
    return [
        [one for step in steps if (one := step if isinstance(step, Lookup) else get(step)) is not None]
        for steps in plans
    ]


def _by_row(cells: Iterable[Cell]) -> dict[int, list[str]]:
    grouped: defaultdict[int, list[str]] = defaultdict(list)
    for number, key in cells:
        grouped[number].append(key)
    return dict(grouped)
