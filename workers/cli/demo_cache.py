"""Puts into the demo's cache what a worker would have left there this morning, so that a stale answer shows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from workers.enrich.entries import Entry, encode_entry
from workers.enrich.freshness import Expiry
from workers.enrich.rows import cache_key, row_of
from workers.ports import CacheEntry, ProviderAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workers.settings import Settings

__all__ = ["OLD_KEY", "keep_an_old_answer"]

OLD_KEY = "CVE-2026-990003"
_OLD_VALUE = {"epss": 0.0187, "percentile": 0.7702, "date": "2026-05-19"}
_HOUR_MS = 3_600_000


class _Nobody:
    """Stands where a row wants a provider that is not asked."""

    name = "first-epss"

    def fetch(self, keys: Sequence[str], timeout_s: float) -> Mapping[str, ProviderAnswer]:
        """Nothing."""
        del keys, timeout_s
        return {}


def keep_an_old_answer(settings: Settings) -> None:
    """Store an answer about `OLD_KEY` that is seven hours old: past its time to refresh, not past its end."""
    from workers.adapters.redis_cache import RedisCacheStore

    (scores,) = [row for row in settings.lookups if row.provider == _Nobody.name]
    row = row_of(scores, _Nobody(), is_local=False, jitter=0.0, key_prefix=settings.redis.key_prefix)
    now_ms = int(time.time() * 1000)
    born_ms = now_ms - 7 * _HOUR_MS
    expiry = Expiry(soft_at_ms=now_ms - _HOUR_MS, hard_at_ms=born_ms + row.lifetimes.hard_ms)
    entry = Entry(source=_Nobody.name, born_ms=born_ms, expiry=expiry, value=_OLD_VALUE)
    store = RedisCacheStore(settings.redis, None)
    store.set_many(
        [CacheEntry(key=cache_key(row, OLD_KEY), value=encode_entry(entry, 4096), ttl_ms=row.lifetimes.hard_ms)]
    )
    store.close()
