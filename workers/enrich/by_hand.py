"""One question, asked by a person: every row of its kind in turn, each with its answer, its age and where it came from.

The same rules as in the stream: what the marking forbids is not asked, the provider's rate and breaker count, a failure
is never "not found". But no batch waits, so each provider has its whole time limit. No I/O but through the ports.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from workers.enrich.enricher import askers_of
from workers.enrich.process_cache import Held
from workers.enrich.rows import LookupRow, cache_key, may_ask
from workers.enrich.tools import EnrichTools
from workers.errors import DependencyError
from workers.model import Lookup, LookupStatus, Tlp

__all__ = ["HandAnswer", "ask_by_hand"]


class HandAnswer(Struct, frozen=True, kw_only=True):
    """What one row answered. `origin`: where the answer lay; `reason`: why there is none. Times in seconds from now."""

    lookup: Lookup
    origin: Literal["memory", "cache", "provider"] | None = None
    reason: str | None = None
    fresh_for_s: float | None = None
    kept_for_s: float | None = None


def ask_by_hand(
    rows: Sequence[LookupRow], tools: EnrichTools, key: str, tlp: Tlp | None, *, use_cache: bool
) -> list[HandAnswer]:
    """The answers of `rows`, in their order. Without `use_cache` the shared cache is neither read nor written."""
    asking = _Asking(rows, tools, use_cache=use_cache)
    return [asking.answer(at, key, tlp) for at in range(len(rows))]


class _Asking:
    def __init__(self, rows: Sequence[LookupRow], tools: EnrichTools, *, use_cache: bool) -> None:
        self._rows = rows
        self._tools = tools
        self._use_cache = use_cache
        self._askers = askers_of(rows, tools)

    def answer(self, at: int, key: str, tlp: Tlp | None) -> HandAnswer:
        row = self._rows[at]
        if not may_ask(row.settings, tlp):
            reason = f"items above {row.settings.tlp_ceiling}, or of unknown TLP, are not asked about"
            return HandAnswer(lookup=row.without_answer(key, LookupStatus.WITHHELD), reason=reason)
        kept = self._kept(row, key)
        if kept is not None and self._tools.now_ms() < kept.soft_at_ms:
            return self._shown(kept, "cache")
        try:
            return self._asked(at, row, key)
        except DependencyError as error:
            if kept is not None and self._tools.now_ms() < kept.hard_at_ms:
                return self._shown(kept, "cache", error.code)
            return HandAnswer(lookup=row.without_answer(key, LookupStatus.UNAVAILABLE), reason=error.code)

    def _kept(self, row: LookupRow, key: str) -> Held | None:
        if row.is_local or not self._use_cache:
            return None
        (value,) = self._tools.shared.read([cache_key(row, key)]) or [None]
        return None if value is None else self._tools.read_entry(row, key, value)

    def _asked(self, at: int, row: LookupRow, key: str) -> HandAnswer:
        if row.is_local:
            answers = row.provider.fetch([key], row.settings.timeout_ms / 1000)
        else:
            answers = self._askers[at].ask_or_raise([key])
        entries = self._tools.entries_of(row, answers)
        if key not in entries:
            raise DependencyError(row.settings.provider, "no-answer")
        if self._use_cache and not row.is_local:
            self._tools.shared.write(self._tools.stored(row, entries))
        return self._shown(self._tools.held(row, key, entries[key]), "memory" if row.is_local else "provider")

    def _shown(
        self, held: Held, origin: Literal["memory", "cache", "provider"], reason: str | None = None
    ) -> HandAnswer:
        now_ms = self._tools.now_ms()
        return HandAnswer(
            lookup=held.at(now_ms),
            origin=origin,
            reason=reason,
            fresh_for_s=max(0, held.soft_at_ms - now_ms) / 1000,
            kept_for_s=max(0, held.hard_at_ms - now_ms) / 1000,
        )
