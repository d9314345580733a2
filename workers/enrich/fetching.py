"""Asks one provider for what no cache has: in batches, on threads of its own, each key once at a time.

Theory of operation. A flight is one call under way, with up to `batch` keys. A key is in at most one flight of this
process (single flight): a batch of records that needs it hangs on to that one. Between processes a token lock per key
in the shared cache does the same; it expires by itself. Whoever takes it looks into the cache once more, for another
worker may have been quicker, then asks, stores, and gives it back. Whoever does not get it leaves a stale key alone,
and looks into the cache for a missing one until the batch's deadline.

No batch waits longer than its deadline, and none waits for a provider that already let one wait so long and has not
answered since. The flight goes on and fills the caches. A failure is never stored: the key stays missing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from itertools import count
from threading import Event, Lock

from cachetools import TTLCache

from workers.enrich.asking import Asker
from workers.enrich.pool import ThreadPool
from workers.enrich.process_cache import Held
from workers.enrich.rows import LookupRow, cache_key
from workers.enrich.tools import EnrichTools
from workers.ports import ProviderAnswer

__all__ = ["Flight", "RowFetcher"]

FIRST_PAUSE_S = 0.01
LONGEST_PAUSE_S = 0.08
MOST_KEYS_ELSEWHERE = 10_000


class Flight:
    """One call under way. `answers` fills up; `ready` is set once no further answer will come for a waiting batch."""

    __slots__ = ("answers", "keys", "ready", "stale")

    def __init__(self, keys: Sequence[str], stale: Collection[str]) -> None:
        self.keys = keys
        self.stale = stale
        self.answers: dict[str, Held] = {}
        self.ready = Event()

    def has_all(self) -> bool:
        """Whether every key that a batch waits for has its answer."""
        return all(key in self.answers or key in self.stale for key in self.keys)


class RowFetcher:
    """The flights of one row. For several threads."""

    def __init__(self, number: int, row: LookupRow, tools: EnrichTools, asker: Asker, pool: ThreadPool) -> None:
        """`pool`: the provider's threads, which its rows share."""
        self._number = number
        self._row = row
        self._tools = tools
        self._asker = asker
        self._pool = pool
        self._lock = Lock()
        self._in_air: dict[str, Flight] = {}
        self._overdue: set[Flight] = set()
        self._elsewhere: TTLCache[str, bool] = TTLCache(
            MOST_KEYS_ELSEWHERE, tools.settings.lock_ms / 1000, timer=tools.clock.monotonic
        )
        self._serial = count()

    def start(self, missing: Sequence[str], stale: Sequence[str], deadline: float) -> list[Flight]:
        """Send for these keys, where nobody has yet. The flights that bring the missing ones, if they bring anything."""
        with self._lock:
            busy = self._in_air
            wanted = [key for key in missing if key not in busy and key not in self._elsewhere]
            wanted += [key for key in stale if key not in busy]
            landed = self._landed(wanted)
            wanted = [key for key in wanted if key not in landed.answers]
            if wanted and not self._asker.gate.is_shut():
                self._launch(wanted, frozenset(stale), deadline)
            flights = dict.fromkeys(busy[key] for key in missing if key in busy)
            return [landed, *flights] if landed.answers else list(flights)

    def wait(self, flights: Sequence[Flight], deadline: float) -> None:
        """Wait for the flights until `deadline` (monotonic), unless one is overdue already."""
        with self._lock:
            if self._overdue:
                return
        for flight in flights:
            if not flight.ready.wait(max(0.0, deadline - self._tools.clock.monotonic())):
                with self._lock:
                    if self._in_air.get(flight.keys[0]) is flight:
                        self._overdue.add(flight)

    def close(self, deadline: float) -> bool:
        """Start nothing more, and wait for what is under way until `deadline`. False where something still is."""
        return self._pool.close(self._tools.clock, deadline)

    def _landed(self, keys: Sequence[str]) -> Flight:
        """A flight, over already, with what other flights brought since the caller looked into the process's cache."""
        peeked = self._tools.process.peek([(self._number, key) for key in keys], self._tools.now_ms())
        flight = Flight(keys, ())
        flight.answers = {
            key: held for (_, key), held in peeked.items() if held.checked_until > self._tools.clock.monotonic()
        }
        flight.ready.set()
        return flight

    def _launch(self, keys: Sequence[str], stale: frozenset[str], deadline: float) -> None:
        size = self._row.settings.batch
        for start in range(0, len(keys), size):
            flight = Flight(keys[start : start + size], stale)
            if not self._pool.submit(partial(self._fly, flight, deadline)):
                return
            self._in_air.update(dict.fromkeys(flight.keys, flight))

    def _fly(self, flight: Flight, deadline: float) -> None:
        try:
            lost = self._fetch_locked(flight)
            self._await_others(lost, flight, deadline)
        finally:
            with self._lock:
                for key in flight.keys:
                    del self._in_air[key]
                self._overdue.discard(flight)
            flight.ready.set()

    def _fetch_locked(self, flight: Flight) -> list[str]:
        """Fetch what nobody else fetches. The missing keys that somebody else does."""
        tools = self._tools
        token = f"{tools.token}-{next(self._serial)}"
        locks = {key: cache_key(self._row, key) + ":lock" for key in flight.keys}
        taken = tools.shared.lock(list(locks.values()), token, tools.settings.lock_ms)
        won = [key for key, is_ours in zip(locks, taken, strict=True) if is_ours]
        lost = [key for key, is_ours in zip(locks, taken, strict=True) if not is_ours and key not in flight.stale]
        try:
            wanted = self._unanswered(won, flight)
            answers = self._asker.ask(wanted) if wanted else {}
            self._keep(answers, flight)
        finally:
            tools.shared.unlock([locks[key] for key in won], token)
        return lost

    def _unanswered(self, keys: Sequence[str], flight: Flight) -> list[str]:
        """The keys of which the shared cache has no fresh answer by now; those it has go into the flight."""
        tools, now_ms = self._tools, self._tools.now_ms()
        found: dict[str, Held] = {}
        values = tools.shared.read([cache_key(self._row, key) for key in keys]) or ()
        for key, value in zip(keys, values, strict=False):
            held = None if value is None else tools.read_entry(self._row, key, value)
            if held is not None and now_ms < held.soft_at_ms:
                found[key] = held
        self._hand_over(found, flight)
        return [key for key in keys if key not in found]

    def _keep(self, answers: Mapping[str, ProviderAnswer], flight: Flight) -> None:
        tools = self._tools
        entries = tools.entries_of(self._row, answers)
        self._hand_over({key: tools.held(self._row, key, entry) for key, entry in entries.items()}, flight)
        if flight.has_all():
            flight.ready.set()  # the batch need not wait for the cache server
        tools.shared.write(tools.stored(self._row, entries))

    def _hand_over(self, found: Mapping[str, Held], flight: Flight) -> None:
        flight.answers.update(found)
        self._tools.process.write({(self._number, key): held for key, held in found.items()})

    def _await_others(self, keys: list[str], flight: Flight, deadline: float) -> None:
        """Look for what another worker fetches, until the deadline; from then on this process leaves it to that worker."""
        pause = FIRST_PAUSE_S
        while keys and self._tools.clock.monotonic() < deadline and not self._tools.closing.wait(pause):
            keys = self._unanswered(keys, flight)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        with self._lock:
            self._elsewhere.update(dict.fromkeys(keys, True))
