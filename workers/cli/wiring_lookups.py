"""Builds the enricher from the settings: which provider answers which row, and the caches between. No call is made.

A client is imported when a row or the cache needs it, so that a start without them is a fast one.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Mapping
from threading import Event

from workers.enrich import CachedEnricher, Enricher, NullEnricher
from workers.enrich.breaker import BreakerPolicy, Gate
from workers.enrich.knowledge_provider import ActorProvider, Catalogue, TechniqueProvider
from workers.enrich.late import LateBook, LateParts
from workers.enrich.planner import KINDS
from workers.enrich.process_cache import ProcessCache
from workers.enrich.rate import RateGuard
from workers.enrich.rows import LookupRow, row_of
from workers.enrich.shared_cache import AnswerCache, NoSharedCache, SharedCache
from workers.enrich.tools import EnrichTools
from workers.errors import ConfigError
from workers.formats.enrichment import EnrichmentBuilder
from workers.ports import Clock, LateAnswers, LookupProvider, Telemetry
from workers.settings import LookupSettings, Settings, read_secret

__all__ = ["build_enricher", "build_rows", "needs_knowledge", "wants_late_answers"]

KNOWLEDGE = "knowledge"
_FROM_KNOWLEDGE: Mapping[str, Callable[[str, Catalogue], LookupProvider]] = {
    "actor": ActorProvider,
    "technique": TechniqueProvider,
}
_SOURCE = "urn:shirase:tagger"


def build_enricher(
    settings: Settings,
    knowledge: Catalogue,
    telemetry: Telemetry,
    clock: Clock,
    late: LateAnswers | None = None,
) -> Enricher:
    """The enricher that the settings describe; one that asks nothing where no row is enabled.

    With `late`, rows with `complete_late` send what came too late there. Raises ConfigError.
    """
    if not settings.stages.look_up or not any(row.enabled for row in settings.lookups):
        return NullEnricher()
    rows, tools = build_rows(settings, knowledge, telemetry, clock, late)
    return CachedEnricher(rows, tools)


def build_rows(
    settings: Settings,
    knowledge: Catalogue | None,
    telemetry: Telemetry,
    clock: Clock,
    late: LateAnswers | None = None,
) -> tuple[list[LookupRow], EnrichTools]:
    """The rows that are enabled, with their providers and what all share. Whoever takes them runs `tools.closers`.

    Raises ConfigError.
    """
    wiring = _Wiring(settings, knowledge, telemetry, clock)
    rows = [wiring.row(row, f"lookup[{at}]") for at, row in enumerate(settings.lookups) if row.enabled]
    return rows, wiring.tools(late)


def needs_knowledge(row: LookupSettings) -> bool:
    """Whether the row's provider is the knowledge."""
    return row.endpoint is None and row.file is None


def wants_late_answers(settings: Settings) -> bool:
    """Whether any row completes its answers later."""
    return settings.stages.look_up and any(row.enabled and row.complete_late for row in settings.lookups)


class _Wiring:
    """Remembers what it builds, so that it can be closed."""

    def __init__(self, settings: Settings, knowledge: Catalogue | None, telemetry: Telemetry, clock: Clock) -> None:
        self._settings = settings
        self._knowledge = knowledge
        self._telemetry = telemetry
        self._clock = clock
        self._closers: list[Callable[[], None]] = []

    def row(self, row: LookupSettings, where: str) -> LookupRow:
        if row.kind not in KINDS:
            raise ConfigError("lookups.toml", f"{where}.kind", row.kind, f"one of {', '.join(sorted(KINDS))}")
        if row.kind == "indicator" and not row.types:
            expected = "types of indicator, such as ipv4-addr or domain-name"
            raise ConfigError("lookups.toml", f"{where}.types", [], expected)
        return row_of(
            row,
            self._provider(row, where),
            is_local=row.endpoint is None or row.catalogue,
            jitter=self._settings.cache.jitter,
            key_prefix=self._settings.redis.key_prefix,
        )

    def tools(self, late: LateAnswers | None) -> EnrichTools:
        settings = self._settings
        shared = self._shared_cache()
        return EnrichTools(
            settings=settings.cache,
            shared=shared,
            rates=RateGuard(shared),
            process=ProcessCache(settings.cache.process_entries),
            clock=self._clock,
            telemetry=self._telemetry,
            draw=random.Random(secrets.randbits(64)).random,  # noqa: S311 - spreads expiries, guards nothing
            token=secrets.token_hex(16),
            closing=Event(),
            late=None if late is None else self._late_book(late),
            closers=tuple(self._closers),
        )

    def _late_book(self, late: LateAnswers) -> LateBook:
        self._closers.append(late.close)
        cache = self._settings.cache
        build = EnrichmentBuilder(self._settings.tagger.enrichments, _SOURCE).build
        parts = LateParts(port=late, build=build, items=cache.late_items, wait_s=cache.late_wait_s)
        return LateBook(parts, self._clock, self._telemetry)

    def _shared_cache(self) -> AnswerCache:
        redis = self._settings.redis
        if redis.url is None:
            return NoSharedCache()
        from workers.adapters.redis_cache import RedisCacheStore

        password = None if redis.password_file is None else read_secret(redis.password_file, "redis.password_file")
        store = RedisCacheStore(redis, password)
        self._closers.append(store.close)
        return SharedCache(store, self._gate("redis"), self._telemetry, limiter=store)

    def _gate(self, dependency: str) -> Gate:
        cache = self._settings.cache
        policy = BreakerPolicy(failures=cache.breaker_failures, open_s=cache.breaker_open_ms / 1000)
        return Gate(dependency, policy, self._clock, self._telemetry)

    def _provider(self, row: LookupSettings, where: str) -> LookupProvider:
        if row.endpoint is not None:
            return self._remote(row, where)
        if row.file is not None:
            return self._file(row)
        if row.provider != KNOWLEDGE or row.kind not in _FROM_KNOWLEDGE or self._knowledge is None:
            expected = f'an endpoint or a file (only provider "{KNOWLEDGE}" for actors and techniques has none)'
            raise ConfigError("lookups.toml", f"{where}.endpoint", None, expected)
        return _FROM_KNOWLEDGE[row.kind](row.provider, self._knowledge)

    def _file(self, row: LookupSettings) -> LookupProvider:
        if row.file is not None and row.file.suffix == ".toml":
            from workers.adapters.table_file import TableProvider

            return TableProvider(row)
        from workers.adapters.maxmind import MaxmindProvider

        database = MaxmindProvider(row)
        self._closers.append(database.close)
        return database

    def _remote(self, row: LookupSettings, where: str) -> LookupProvider:
        from workers.adapters.http_catalogue import HttpCatalogueProvider
        from workers.adapters.http_json import HttpJsonProvider

        secret = None if row.key_file is None else read_secret(row.key_file, f"{where}.key_file")
        http, clock = self._settings.http, self._clock
        provider: HttpCatalogueProvider | HttpJsonProvider
        if row.catalogue:
            provider = HttpCatalogueProvider(row, http, clock, secret, self._gate(row.provider))
        else:
            provider = HttpJsonProvider(row, http, clock, secret)
        self._closers.append(provider.close)
        return provider
