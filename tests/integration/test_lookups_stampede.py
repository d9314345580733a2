"""Many workers, one hot key that has expired: one of them asks, all others are served."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.lookup_server import ProviderServer, epss, hang
from tests.support.lookups import FakeClock, build, lookup_settings, request_for, wait_for
from workers.adapters.http_json import HttpJsonProvider
from workers.adapters.process import SystemClock
from workers.adapters.redis_cache import RedisCacheStore
from workers.embedded.cache_process import CacheProcess
from workers.enrich import CachedEnricher
from workers.enrich.rows import LookupRow, row_of
from workers.settings import HttpSettings, RedisSettings

WORKERS = 32
HOT = "CVE-2022-27225"


class SlidingClock(SystemClock):
    """The system's clock, moved forward at will."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def wall(self) -> float:
        return super().wall() + self.ahead


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer().running() as running:
        yield running


def row(server: ProviderServer, deadline_ms: int = 5000) -> LookupRow:
    settings = lookup_settings(
        provider="first-epss",
        internal=True,
        endpoint=server.url,
        parameter="cve",
        rows="/data",
        key="/cve",
        answers={"epss": "/epss"},
        deadline_ms=deadline_ms,
    )
    http = HttpSettings(
        connect_timeout_ms=2000, max_answer_bytes=1_000_000, user_agent="t", trust_environment_proxies=False
    )
    provider = HttpJsonProvider(settings, http, SystemClock(), None)
    return row_of(settings, provider, is_local=False, jitter=0.0, key_prefix="test")


def all_at_once(enrichers: list[CachedEnricher]) -> Counter[str]:
    barrier, seen, lock = threading.Barrier(len(enrichers)), Counter[str](), threading.Lock()

    def work(enricher: CachedEnricher) -> None:
        barrier.wait(10)
        (lookups,) = enricher.look_up([request_for(HOT)])
        with lock:
            seen[lookups[0].status.value] += 1

    threads = [threading.Thread(target=work, args=(enricher,)) for enricher in enrichers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return seen


def land(enrichers: list[CachedEnricher]) -> None:
    wait_for(lambda: not any(enricher._fetchers[0]._in_air for enricher in enrichers), 20)


def test_one_expired_hot_key_one_fetch(server: ProviderServer, any_redis: CacheProcess) -> None:
    clock = SlidingClock()
    store = RedisCacheStore(RedisSettings(url=any_redis.url, timeout_ms=3000, key_prefix="test"), None)
    enrichers = [build([row(server)], clock, store) for _ in range(WORKERS)]

    assert all_at_once(enrichers) == {"found": WORKERS}  # nobody has it: one asks, the others wait for its answer
    land(enrichers)
    assert server.asked() == [[HOT]]

    clock.ahead = 100.0  # past the soft time to live
    server.scores[HOT] = "0.9"
    seen = all_at_once(enrichers)
    assert seen["unavailable"] == 0
    assert seen["stale"] + seen["found"] == WORKERS
    assert seen["stale"] > 0
    land(enrichers)
    assert server.asked() == [[HOT], [HOT]]

    assert all_at_once(enrichers) == {"found": WORKERS}
    land(enrichers)
    assert len(server.asked()) == 2

    clock.ahead = 2000.0  # past the hard one: gone everywhere
    assert all_at_once(enrichers) == {"found": WORKERS}
    land(enrichers)
    assert len(server.asked()) == 3
    for enricher in enrichers:
        enricher.close()
    store.close()


def test_within_a_process_too(server: ProviderServer) -> None:
    enricher = build([row(server)], FakeClock())
    assert all_at_once([enricher] * WORKERS) == {"found": WORKERS}
    assert server.asked() == [[HOT]]
    enricher.close()


def test_a_lock_whose_holder_died_holds_nobody_for_good(server: ProviderServer, any_redis: CacheProcess) -> None:
    store = RedisCacheStore(RedisSettings(url=any_redis.url, timeout_ms=3000, key_prefix="test"), None)
    server.behaviour = hang
    lost = build([row(server, 500)], SystemClock(), store, lock_ms=300)
    threading.Thread(target=lost.look_up, args=([request_for(HOT)],), daemon=True).start()
    wait_for(lambda: server.asked() == [[HOT]])
    server.behaviour = epss
    other = build([row(server, 500)], SystemClock(), store, lock_ms=300)
    (first,) = other.look_up([request_for(HOT)])
    assert first[0].status.value in {"found", "unavailable"}
    wait_for(lambda: other.look_up([request_for(HOT)])[0][0].status.value == "found", 20)
    server.closing.set()
    other.close()
    lost.close(0.1)
    store.close()
