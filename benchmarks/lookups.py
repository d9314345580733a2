"""What lookups cost: per event with everything cached, how often the caches know, and what a key takes in the server.

One process, no broker. The provider answers from memory, so that only our own part is measured; the cache server is a
real Valkey on loopback.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

from msgspec import Struct

from workers.adapters.process import SystemClock
from workers.adapters.redis_browse import RedisBrowser
from workers.adapters.redis_cache import RedisCacheStore
from workers.classify import Reader
from workers.embedded.valkey import EmbeddedValkey
from workers.enrich import CachedEnricher, LookupRequest
from workers.enrich.breaker import BreakerPolicy, Gate
from workers.enrich.process_cache import ProcessCache
from workers.enrich.rate import RateGuard
from workers.enrich.rows import LookupRow, row_of
from workers.enrich.shared_cache import SharedCache
from workers.enrich.tools import EnrichTools
from workers.formats.raw_item import ItemDecoder
from workers.knowledge import load_knowledge
from workers.model import Analysis, RawItem, Tlp, Vulnerability
from workers.ports import ProviderAnswer
from workers.settings import LookupSettings, RedisSettings, Settings, load_settings
from workers.telemetry import NullTelemetry

__all__ = ["measure_lookups"]

CONFIG = Path(__file__).resolve().parents[1] / "config"
EVENTS, LOOKUPS_AN_EVENT, KEYS = 20_000, 3, 3_000
KINDS = {"cve": (), "actor": (), "technique": (), "indicator": ("domain-name", "ipv4-addr", "url", "file-hash-sha256")}
VALUE = {
    "cvss": 9.8,
    "cvss_vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
    "weaknesses": ["CWE-787"],
    "published": "2026-01-02T03:04:05.000Z",
    "state": "PUBLISHED",
    "title": "A flaw in a product that lets a stranger run commands",
}


class Instant:
    """Answers everything at once, every fourth key with "nothing known"."""

    name = "instant"

    def fetch(self, keys: Sequence[str], timeout_s: float) -> Mapping[str, ProviderAnswer]:
        del timeout_s
        return {key: ProviderAnswer(value=VALUE if hash(key) % 4 else None) for key in keys}


class CountingTelemetry(NullTelemetry):
    """Sums of the cache's counters."""

    def __init__(self) -> None:
        self.sums: Counter[tuple[str, ...]] = Counter()

    def add(self, metric: str, amount: float, *labels: str) -> None:
        self.sums[metric, *labels] += int(amount)


def measure_lookups(values: Sequence[bytes], batch: int) -> list[str]:
    """The tables' lines, Markdown."""
    settings = load_settings(CONFIG, None, {})
    with EmbeddedValkey() as server:
        redis = RedisSettings(url=server.url, timeout_ms=2000, key_prefix="bench")
        return [*_costs(settings, redis, batch), "", *_hit_rates(settings, redis, values, batch)]


def _enricher(
    settings: Settings, redis: RedisSettings, kinds: Mapping[str, tuple[str, ...]], telemetry: CountingTelemetry
) -> CachedEnricher:
    clock, store = SystemClock(), RedisCacheStore(redis, None)
    gate = Gate("redis", BreakerPolicy(failures=3, open_s=5.0), clock, telemetry)
    shared = SharedCache(store, gate, telemetry, limiter=store)
    tools = EnrichTools(
        settings=settings.cache,
        shared=shared,
        rates=RateGuard(shared),
        process=ProcessCache(settings.cache.process_entries),
        clock=clock,
        telemetry=telemetry,
        draw=lambda: 0.5,
        token="bench",
        closing=Event(),
        closers=(store.close,),
    )
    return CachedEnricher([_row(kind, types) for kind, types in kinds.items()], tools)


def _row(kind: str, types: tuple[str, ...]) -> LookupRow:
    settings = LookupSettings(
        kind=kind,
        provider="instant",
        enabled=True,
        internal=True,
        types=types,
        answers={},
        batch=1000,
        concurrency=2,
        deadline_ms=5000,
        soft_ttl_s=3600,
        hard_ttl_s=7200,
        negative_ttl_s=3600,
        tlp_ceiling="RED",
    )
    return row_of(settings, Instant(), is_local=False, jitter=0.15, key_prefix="bench")


def _costs(settings: Settings, redis: RedisSettings, batch: int) -> list[str]:
    """All keys known: from the process's cache, and from the server's by a process that has just begun."""
    requests = [_request(at) for at in range(EVENTS)]
    first = _enricher(settings, redis, {"cve": ()}, CountingTelemetry())
    _look_up(first, requests, batch)
    warm = min(_look_up(first, requests, batch) for _ in range(5))
    first.close()
    cold = _enricher(settings, redis, {"cve": ()}, CountingTelemetry())
    from_server = _look_up(cold, requests, batch)
    cold.close()
    memory = _bytes_per_key(redis)
    return [
        f"| {LOOKUPS_AN_EVENT} lookups an event, {KEYS:,} keys, batches of {batch:,} | |",
        "|---|---|",
        f"| all in the process's cache | {warm} |",
        f"| all in the server's cache, process just begun | {from_server} |",
        f"| value, as stored | {memory['value']:.0f} bytes a key |",
        f"| memory in the server, key and value | {memory['memory']:.0f} bytes a key |",
    ]


def _request(at: int) -> LookupRequest:
    ids = [f"CVE-2026-{(at * LOOKUPS_AN_EVENT + n) % KEYS:05d}" for n in range(LOOKUPS_AN_EVENT)]
    analysis = Analysis(vulnerabilities=[Vulnerability(id=cve) for cve in ids])
    return LookupRequest(analysis=analysis, item=RawItem(title="t"), tlp=Tlp.CLEAR)


class _Cost(Struct, frozen=True, order=True):
    """Microseconds an event: by the clock, and of processor time, which other work on the machine does not lengthen."""

    elapsed: float
    processor: float

    def __str__(self) -> str:
        return f"{self.elapsed:.1f} µs an event, {self.processor:.1f} of them at work"


def _look_up(enricher: CachedEnricher, requests: Sequence[LookupRequest], batch: int) -> _Cost:
    started, worked = time.perf_counter(), time.thread_time()
    for at in range(0, len(requests), batch):
        enricher.look_up(requests[at : at + batch])
    share = 1e6 / len(requests)
    return _Cost((time.perf_counter() - started) * share, (time.thread_time() - worked) * share)


def _bytes_per_key(redis: RedisSettings) -> dict[str, float]:
    browser = RedisBrowser(redis, None)
    kept = list(browser.values("lookup:*"))
    browser.close()
    number = max(1, len(kept))
    return {
        "value": sum(len(one.value or b"") for one in kept) / number,
        "memory": sum(one.memory for one in kept) / number,
    }


def _hit_rates(settings: Settings, redis: RedisSettings, values: Sequence[bytes], batch: int) -> list[str]:
    """The items' own questions, each kind asked of one provider, from empty caches on."""
    telemetry = CountingTelemetry()
    enricher = _enricher(settings, redis, KINDS, telemetry)
    requests = _requests(settings, values)
    asked = sum(len(plan) for plan in map(enricher._planner.plan, requests))
    for at in range(0, len(requests), batch):
        enricher.look_up(requests[at : at + batch])
    enricher.close()
    counts = {key[1:]: count for key, count in telemetry.sums.items() if key[0] == "cache_requests_total"}
    hits, misses = counts.get(("process", "hit"), 0), counts.get(("process", "miss"), 0)
    return [
        f"| {len(requests):,} items | |",
        "|---|---|",
        f"| lookups an item | {asked / max(1, len(requests)):.2f} |",
        f"| asked once a batch, not once an item | {1 - (hits + misses) / max(1, asked):.1%} |",
        f"| of those in the process's cache | {hits / max(1, hits + misses):.1%} |",
    ]


def _requests(settings: Settings, values: Sequence[bytes]) -> list[LookupRequest]:
    reader = Reader(load_knowledge(settings.config_dir, settings.knowledge.cache_dir))
    decoder: Any = ItemDecoder(settings.tagger.max_item_bytes, settings.feeds)
    decoded = [decoder.decode("bench", value) for value in values]
    return [LookupRequest(analysis=reader.read(one.item), item=one.item, tlp=Tlp.CLEAR) for one in decoded]
