"""A lookup provider that is a whole catalogue: fetched now and then, and asked in memory. One row of `lookups.toml`.

The catalogue is fetched in the background, never by who asks: with a conditional GET (RFC 9110, 13: `If-None-Match` and
`If-Modified-Since`), so that an unchanged one costs a few hundred bytes. A new one is read and checked as a whole and
then put in the place of the old in one step; one that is broken, empty or of another shape changes nothing. It is
renewed `soft_ttl_s` after it was last known to be current, and no longer served `hard_ttl_s` after. Nobody learns what
was looked up. The catalogue's breaker shows how its fetches go, and spaces them where they fail.

Written for CISA's Known Exploited Vulnerabilities: {"vulnerabilities": [{"cveID": ..., "dateAdded": ..., "dueDate": ...,
"knownRansomwareCampaignUse": ...}]}, https://www.cisa.gov/known-exploited-vulnerabilities-catalog .
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Event, Lock, Thread
from typing import Any, Protocol

from msgspec import Struct

from workers.adapters.http_call import Answer, HttpCaller
from workers.adapters.http_json import decode_document
from workers.errors import DependencyError
from workers.ports import Clock, ProviderAnswer
from workers.settings import EntryReader, HttpSettings, LookupSettings, resolve

__all__ = ["CallGate", "HttpCatalogueProvider"]

NOT_MODIFIED = 304
RETRY_S = 60.0
MOST_TIMES_LONGER_S = 3600.0


class CallGate(Protocol):
    """Says whether a dependency may be called now. Whoever is told so calls, and reports how it went."""

    def allows(self) -> bool:
        """Whether the caller may call now; if so it must report."""
        ...

    def succeeded(self) -> None:
        """Report an answer."""
        ...

    def failed(self, retry_after: float | None = None) -> None:
        """Report a failure. `retry_after`: for how many seconds the dependency wants to be left alone."""
        ...


class _Catalogue(Struct, frozen=True):
    """A whole catalogue, and by what the provider recognises it."""

    entries: Mapping[str, dict[str, Any]]
    validators: Mapping[str, str]
    known_at: float


class HttpCatalogueProvider:
    """See `workers.ports.LookupProvider`. Answers from memory; for several threads."""

    def __init__(
        self, row: LookupSettings, http: HttpSettings, clock: Clock, secret: str | None, gate: CallGate
    ) -> None:
        """Opens no connection. `row.endpoint` and `row.key` must be given."""
        self._row = row
        self._clock = clock
        self._gate = gate
        self._caller = HttpCaller(row, http, clock, secret)
        self._entry = EntryReader(row)
        self._catalogue: _Catalogue | None = None
        self._lock = Lock()
        self._refreshing: Event | None = None
        self._not_before = 0.0
        self._is_overdue = False

    @property
    def name(self) -> str:
        """See the port."""
        return self._row.provider

    def fetch(self, keys: Sequence[str], timeout_s: float) -> Mapping[str, ProviderAnswer]:
        """See the port. Waits for the first catalogue, once and at most so long; from then on it answers at once."""
        under_way = self._refresh_if_due()
        if self._current() is None and under_way is not None and not self._is_overdue:
            self._is_overdue = not under_way.wait(timeout_s)
        catalogue = self._current()
        if catalogue is None:
            raise DependencyError(self.name, "no-catalogue")
        return {
            key: ProviderAnswer(value=catalogue.entries.get(key.casefold()), known_at=catalogue.known_at)
            for key in keys
        }

    def close(self) -> None:
        """Close the connections."""
        self._caller.close()

    def _current(self) -> _Catalogue | None:
        catalogue = self._catalogue
        if catalogue is None or self._clock.wall() >= catalogue.known_at + self._row.hard_ttl_s:
            return None
        return catalogue

    def _refresh_if_due(self) -> Event | None:
        """The refresh under way, started here where one is due."""
        with self._lock:
            if self._refreshing is not None:
                return self._refreshing
            now, catalogue = self._clock.wall(), self._catalogue
            is_fresh = catalogue is not None and now < catalogue.known_at + self._row.soft_ttl_s
            if is_fresh or now < self._not_before or not self._gate.allows():
                return None
            self._refreshing = Event()
            self._not_before = now + RETRY_S
            Thread(target=self._refresh, args=(self._refreshing,), name=f"catalogue-{self.name}", daemon=True).start()
            return self._refreshing

    def _refresh(self, done: Event) -> None:
        try:
            self._catalogue = self._fetched(self._catalogue)
        except DependencyError as error:
            self._gate.failed(error.retry_after)
            wait = min(error.retry_after or 0.0, MOST_TIMES_LONGER_S)
            self._not_before = self._clock.wall() + max(RETRY_S, wait)
        else:
            self._gate.succeeded()
        finally:
            with self._lock:
                self._refreshing = None
                self._is_overdue = False
            done.set()

    def _fetched(self, before: _Catalogue | None) -> _Catalogue:
        headers = {} if before is None else dict(before.validators)
        expected = () if before is None else (NOT_MODIFIED,)
        options = {"headers": headers, "params": self._row.constants}
        asked_at = self._clock.wall()
        answer = self._caller.call(
            "GET", self._row.endpoint or "", options, expected=expected, timeout_s=self._row.timeout_ms / 1000
        )
        if before is not None and answer.status == NOT_MODIFIED:
            return _Catalogue(before.entries, before.validators, asked_at)
        return _Catalogue(self._entries(answer), _validators(answer), asked_at)

    def _entries(self, answer: Answer) -> dict[str, dict[str, Any]]:
        rows = resolve(decode_document(answer.body), self._row.rows)
        if not isinstance(rows, list) or not rows:
            raise DependencyError(self.name, "wrong-shape")
        entries: dict[str, dict[str, Any]] = {}
        for row in rows:
            key = resolve(row, self._row.key or "") if isinstance(row, dict) else None
            if not isinstance(key, str):
                raise DependencyError(self.name, "wrong-shape")
            entries.setdefault(key.casefold(), self._entry.value(row))
        return entries


def _validators(answer: Answer) -> dict[str, str]:
    pairs = (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified"))
    return {ours: value for ours, theirs in pairs if (value := answer.headers.get(theirs)) is not None}
