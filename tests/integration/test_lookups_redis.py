"""Lookups while the cache server is killed, frozen, full, read-only or full of foreign keys: degraded, and in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from tests.support.lookups import (
    RecordingTelemetry,
    ScriptedProvider,
    build,
    request_for,
    row_for,
    statuses,
    wait_for,
)
from workers.adapters.process import SystemClock
from workers.adapters.redis_cache import RedisCacheStore
from workers.embedded.cache_process import CacheProcess
from workers.enrich import CachedEnricher
from workers.enrich.rows import cache_key
from workers.errors import DependencyError
from workers.ports import CacheEntry
from workers.settings import RedisSettings

TIMEOUT_MS = 100
DEADLINE_S = 0.5
TABLE: dict[str, dict[str, Any] | None] = {f"CVE-{number}": {"n": number} for number in range(1000)}


class World:
    """An enricher on a real server, with a fresh process cache each time."""

    def __init__(self, server: CacheProcess) -> None:
        self.server = server
        self.provider = ScriptedProvider(TABLE)
        self.row = row_for(self.provider, deadline_ms=int(DEADLINE_S * 1000))
        self.store = RedisCacheStore(RedisSettings(url=server.url, timeout_ms=TIMEOUT_MS, key_prefix="t"), None)
        self.client = redis.Redis.from_url(server.url)
        self.telemetry = RecordingTelemetry()
        self.enricher = self.fresh()

    def fresh(self) -> CachedEnricher:
        return build([self.row], SystemClock(), self.store, self.telemetry, breaker_open_ms=300)

    def ask(self, *cves: str) -> list[tuple[str, str]]:
        """Ask, and hold the deadline."""
        started = time.monotonic()
        answer = statuses(self.enricher.look_up([request_for(*cves)])[0])
        assert time.monotonic() - started < DEADLINE_S + 3 * TIMEOUT_MS / 1000
        return answer

    def count(self, result: str) -> int:
        return self.telemetry.sums["cache_requests_total", "shared", result]

    def land(self) -> None:
        wait_for(lambda: not self.enricher._fetchers[0]._in_air)

    def close(self) -> None:
        self.server.resume()
        self.enricher.close(5.0)
        self.store.close()
        self.client.close()


@pytest.fixture
def world(any_redis: CacheProcess) -> Iterator[World]:
    made = World(any_redis)
    yield made
    made.close()


def warm(world: World) -> None:
    assert world.ask("CVE-1") == [("CVE-1", "found")]
    world.land()
    world.enricher.close()
    world.enricher = world.fresh()
    assert world.ask("CVE-1") == [("CVE-1", "found")]
    assert len(world.provider.calls) == 1
    assert world.count("hit") == 1


def test_what_it_stores_ends_at_its_hard_time_to_live_and_leaves_no_lock(world: World) -> None:
    warm(world)
    key = cache_key(world.row, "CVE-1")
    assert 990_000 < int(world.client.pttl(key)) <= 1_000_000
    assert list(world.client.scan_iter()) == [key.encode()]


@pytest.mark.parametrize("blow", [CacheProcess.kill, CacheProcess.pause])
def test_a_server_gone_or_frozen_costs_lookups_no_more_than_their_deadline(
    world: World, blow: Callable[[CacheProcess], None]
) -> None:
    warm(world)
    blow(world.server)
    answers = [world.ask(f"CVE-{number}") for number in range(10, 20)]
    assert all(status in {"found", "unavailable"} for answer in answers for _, status in answer)
    assert world.ask("CVE-1") == [("CVE-1", "found")]  # the process still knows
    world.land()
    assert world.count("error") >= 3
    assert world.count("breaker") > 0
    assert world.telemetry.values["breaker_state", "redis"] == 2


def test_behind_an_open_breaker_a_frozen_server_costs_nothing(world: World) -> None:
    warm(world)
    world.enricher = build([world.row], SystemClock(), world.store, world.telemetry, breaker_open_ms=60_000)
    world.server.pause()
    for number in range(10, 16):
        world.ask(f"CVE-{number}")
        world.land()
    assert world.telemetry.values["breaker_state", "redis"] == 2
    started = time.monotonic()
    for number in range(100, 200):
        assert world.ask(f"CVE-{number}") == [(f"CVE-{number}", "found")]
    assert (time.monotonic() - started) / 100 < TIMEOUT_MS / 1000 / 5


@pytest.mark.parametrize("freeze", [True, False])
def test_it_is_used_again_once_it_is_back(world: World, freeze: bool) -> None:
    (world.server.pause if freeze else world.server.kill)()
    for number in range(5):
        world.ask(f"CVE-{number}")
        world.land()
    (world.server.resume if freeze else world.server.start)()
    wait_for(
        lambda: world.telemetry.values["breaker_state", "redis"] == 0 or not world.ask(f"CVE-{time.monotonic_ns()}")
    )
    world.ask("CVE-500")
    world.land()
    assert world.client.exists(cache_key(world.row, "CVE-500"))


def test_a_restart_between_two_batches_goes_unnoticed(world: World) -> None:
    warm(world)
    world.server.kill()
    world.server.start()
    assert world.ask("CVE-2") == [("CVE-2", "found")]
    world.land()
    assert world.count("error") == 0


def test_a_full_server_is_read_and_not_written(world: World) -> None:
    warm(world)
    world.client.config_set("maxmemory-policy", "noeviction")
    world.client.config_set("maxmemory", "1mb")
    for number in range(10, 16):
        assert world.ask(f"CVE-{number}") == [(f"CVE-{number}", "found")]
        world.land()
    assert world.count("refused") >= 12
    assert world.count("error") == 0
    assert world.telemetry.values["breaker_state", "redis"] == 0
    world.enricher = world.fresh()
    assert world.ask("CVE-1") == [("CVE-1", "found")]
    assert world.count("hit") == 2


def test_a_replica_is_read_and_not_written(world: World) -> None:
    warm(world)
    world.client.replicaof("127.0.0.1", "1")
    world.client.config_set("replica-serve-stale-data", "yes")
    assert world.ask("CVE-10") == [("CVE-10", "found")]
    world.land()
    assert world.count("refused") == 2
    assert world.telemetry.values["breaker_state", "redis"] == 0


def test_foreign_types_under_our_keys_are_misses_and_stay(world: World) -> None:
    key = cache_key(world.row, "CVE-1")
    world.client.rpush(key, "not ours")
    world.client.sadd(cache_key(world.row, "CVE-2") + ":lock", "not ours")
    assert world.ask("CVE-1") == [("CVE-1", "found")]
    assert world.ask("CVE-2") == [("CVE-2", "unavailable")]  # somebody seems to hold the lock
    world.land()
    assert world.client.type(key) == b"list"
    assert world.count("miss") == 2


def test_flushed_it_is_filled_again(world: World) -> None:
    warm(world)
    world.client.flushall()
    world.enricher = world.fresh()
    assert world.ask("CVE-1") == [("CVE-1", "found")]
    world.land()
    assert world.client.exists(cache_key(world.row, "CVE-1"))
    assert len(world.provider.calls) == 2


def test_a_wrong_password_is_said_once_translated(redis_server: CacheProcess) -> None:
    client = redis.Redis.from_url(redis_server.url)
    client.config_set("requirepass", "right")
    settings = RedisSettings(url=redis_server.url, timeout_ms=500, key_prefix="t")
    right, wrong, none = (RedisCacheStore(settings, password) for password in ("right", "wrong", None))
    right.set_many([CacheEntry(key="a", value=b"1", ttl_ms=10_000)])
    assert right.get_many(["a"]) == [b"1"]
    for store in (wrong, none):
        with pytest.raises(DependencyError) as caught:
            store.get_many(["a"])
        assert caught.value.code == "not-authenticated"
        assert "wrong" not in str(caught.value)
    for one in (right, wrong, none, client):
        one.close()


def test_a_user_held_to_our_prefix_suffices(redis_server: CacheProcess) -> None:
    client = redis.Redis.from_url(redis_server.url)
    rules = ["on", ">pw", "~shirase:*", "-@all", "+mget", "+get", "+set", "+del", "+eval", "+ping"]
    client.execute_command("ACL", "SETUSER", "shirase", "reset", *rules)  # type: ignore[no-untyped-call]
    url = redis_server.url.replace("redis://", "redis://shirase@")
    store = RedisCacheStore(RedisSettings(url=url, timeout_ms=500, key_prefix="shirase"), "pw")
    store.set_many([CacheEntry(key="shirase:a", value=b"1", ttl_ms=10_000)])
    assert store.get_many(["shirase:a"]) == [b"1"]
    assert store.acquire("shirase:l", "t", 1000)
    assert store.release("shirase:l", "t")
    with pytest.raises(DependencyError, match="not-authorized"):
        store.get_many(["other"])
    store.close()
    client.close()
