"""Builds the enricher from the settings: which provider answers which row, and the caches between. No call is made.

A client is imported when a row or the cache needs it, so that a start without them is a fast one.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from threading import Event

from workers.enrich import CachedEnricher, Enricher, NullEnricher
from workers.enrich.breaker import BreakerPolicy, Gate
from workers.enrich.knowledge_provider import ActorCatalogue, KnowledgeProvider
from workers.enrich.planner import KINDS
from workers.enrich.process_cache import ProcessCache
from workers.enrich.rows import LookupRow, row_of
from workers.enrich.shared_cache import AnswerCache, NoSharedCache, SharedCache
from workers.enrich.tools import EnrichTools
from workers.errors import ConfigError
from workers.ports import Clock, LookupProvider, Telemetry
from workers.settings import LookupSettings, Settings, read_secret

__all__ = ["build_enricher"]

KNOWLEDGE = "knowledge"


def build_enricher(settings: Settings, knowledge: ActorCatalogue, telemetry: Telemetry, clock: Clock) -> Enricher:
    """The enricher that the settings describe; one that asks nothing where no row is enabled.

    Raises ConfigError.
    """
    wiring = _Wiring(settings, knowledge, telemetry, clock)
    rows = [wiring.row(row, f"lookup[{at}]") for at, row in enumerate(settings.lookups) if row.enabled]
    if not rows or not settings.stages.look_up:
        return NullEnricher()
    return CachedEnricher(rows, wiring.tools())


class _Wiring:
    """Remembers what it builds, so that it can be closed."""

    def __init__(self, settings: Settings, knowledge: ActorCatalogue, telemetry: Telemetry, clock: Clock) -> None:
        self._settings = settings
        self._knowledge = knowledge
        self._telemetry = telemetry
        self._clock = clock
        self._closers: list[Callable[[], None]] = []

    def row(self, row: LookupSettings, where: str) -> LookupRow:
        if row.kind not in KINDS:
            raise ConfigError("lookups.toml", f"{where}.kind", row.kind, f"one of {', '.join(sorted(KINDS))}")
        return row_of(
            row,
            self._local(row, where) if row.endpoint is None else self._remote(row, where),
            is_local=row.endpoint is None,
            jitter=self._settings.cache.jitter,
            key_prefix=self._settings.redis.key_prefix,
        )

    def tools(self) -> EnrichTools:
        settings = self._settings
        return EnrichTools(
            settings=settings.cache,
            shared=self._shared_cache(),
            process=ProcessCache(settings.cache.process_entries),
            clock=self._clock,
            telemetry=self._telemetry,
            draw=random.Random(secrets.randbits(64)).random,  # noqa: S311 - spreads expiries, guards nothing
            token=secrets.token_hex(16),
            closing=Event(),
            closers=tuple(self._closers),
        )

    def _shared_cache(self) -> AnswerCache:
        redis, cache = self._settings.redis, self._settings.cache
        if redis.url is None:
            return NoSharedCache()
        from workers.adapters.redis_cache import RedisCacheStore

        password = None if redis.password_file is None else read_secret(redis.password_file, "redis.password_file")
        store = RedisCacheStore(redis, password)
        self._closers.append(store.close)
        policy = BreakerPolicy(failures=cache.breaker_failures, open_s=cache.breaker_open_ms / 1000)
        return SharedCache(store, Gate("redis", policy, self._clock, self._telemetry), self._telemetry)

    def _local(self, row: LookupSettings, where: str) -> LookupProvider:
        if row.provider != KNOWLEDGE or row.kind != "actor":
            expected = f'an endpoint (only provider "{KNOWLEDGE}" for actors has none)'
            raise ConfigError("lookups.toml", f"{where}.endpoint", None, expected)
        return KnowledgeProvider(row.provider, self._knowledge)

    def _remote(self, row: LookupSettings, where: str) -> LookupProvider:
        from workers.adapters.http_json import HttpJsonProvider

        secret = None if row.key_file is None else read_secret(row.key_file, f"{where}.key_file")
        provider = HttpJsonProvider(row, self._settings.http, self._clock, secret)
        self._closers.append(provider.close)
        return provider
