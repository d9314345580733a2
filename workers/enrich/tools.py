"""What the enricher and its fetchers share, and how an answer enters the caches. No I/O but through the ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Event

from msgspec import Struct

from workers.enrich.entries import Entry, decode_entry, encode_entry
from workers.enrich.freshness import expiry_of
from workers.enrich.late import LateBook
from workers.enrich.process_cache import Held, ProcessCache, hold
from workers.enrich.rate import RateGuard
from workers.enrich.rows import LookupRow, cache_key
from workers.enrich.shared_cache import AnswerCache
from workers.ports import CacheEntry, Clock, ProviderAnswer, Telemetry
from workers.settings import CacheSettings

__all__ = ["EnrichTools"]


class EnrichTools(Struct, frozen=True, kw_only=True):
    """The parts that every row works with. `draw` gives random numbers in [0, 1); `token` is this process's own.

    `closing` is set when the enricher closes; the `closers` then close the clients. `pause`, for tests, waits instead
    of `closing`: so many seconds, and true where it is over. `late` is there where late answers are wanted.
    """

    settings: CacheSettings
    shared: AnswerCache
    rates: RateGuard
    process: ProcessCache
    clock: Clock
    telemetry: Telemetry
    draw: Callable[[], float]
    token: str
    closing: Event
    closers: tuple[Callable[[], None], ...] = ()
    pause: Callable[[float], bool] | None = None
    late: LateBook | None = None

    def wait(self, seconds: float) -> bool:
        """Wait for so many seconds, or until the enricher closes: then true."""
        return (self.pause or self.closing.wait)(seconds)

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return int(self.clock.wall() * 1000)

    def held(self, row: LookupRow, key: str, entry: Entry) -> Held:
        """The entry as the process keeps it from now on."""
        checked_until = self.clock.monotonic() + self.settings.process_ttl_ms / 1000
        return hold(row.settings.kind, key, entry, checked_until)

    def read_entry(self, row: LookupRow, key: str, data: bytes) -> Held | None:
        """The entry in `data`, None where it cannot be read."""
        entry = decode_entry(data)
        return None if entry is None else self.held(row, key, entry)

    def entries_of(self, row: LookupRow, answers: Mapping[str, ProviderAnswer]) -> dict[str, Entry]:
        """The answers as entries, each with a draw of its own, born now or when their provider learned them."""
        now_ms = self.now_ms()
        return {key: self._entry(row, answer, now_ms) for key, answer in answers.items()}

    def _entry(self, row: LookupRow, answer: ProviderAnswer, now_ms: int) -> Entry:
        born_ms = now_ms if answer.known_at is None else int(answer.known_at * 1000)
        expiry = expiry_of(row.lifetimes, is_known=answer.value is not None, born_ms=born_ms, draw=self.draw())
        return Entry(source=row.provider.name, born_ms=born_ms, expiry=expiry, value=answer.value)

    def stored(self, row: LookupRow, entries: Mapping[str, Entry]) -> list[CacheEntry]:
        """The entries as the shared cache takes them, each gone at its hard expiry."""
        return [
            CacheEntry(
                key=cache_key(row, key),
                value=encode_entry(entry, self.settings.compress_over_bytes),
                ttl_ms=entry.expiry.hard_at_ms - entry.born_ms,
            )
            for key, entry in entries.items()
        ]
