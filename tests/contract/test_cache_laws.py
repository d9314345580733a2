"""The laws of the port CacheStore, on the store in memory, on Valkey and on Redis."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.lookups import FakeClock, wait_for
from workers.adapters.memory import MemoryCacheStore
from workers.adapters.redis_cache import RedisCacheStore
from workers.embedded.cache_process import CacheProcess
from workers.ports import CacheEntry, CacheStore
from workers.settings import RedisSettings


class World(Protocol):
    """A store, and a hand on its time."""

    store: CacheStore

    def expire(self, key: str, ttl_ms: int) -> None:
        """Return once `ttl_ms` milliseconds have passed for `key`."""

    def ttl_ms(self, key: str) -> int | None:
        """What is left to `key`, where the store can say."""


class MemoryWorld:
    def __init__(self) -> None:
        self._clock = FakeClock()
        self.store: CacheStore = MemoryCacheStore(self._clock)

    def expire(self, key: str, ttl_ms: int) -> None:
        self._clock.advance(ttl_ms / 1000)

    def ttl_ms(self, key: str) -> int | None:
        return None


class ServerWorld:
    def __init__(self, server: CacheProcess) -> None:
        self.client = redis.Redis.from_url(server.url)
        self.redis_store = RedisCacheStore(
            RedisSettings(url=server.url, timeout_ms=2000, key_prefix="test"), password=None
        )
        self.store: CacheStore = self.redis_store

    def expire(self, key: str, ttl_ms: int) -> None:
        assert 0 < int(self.client.pttl(key)) <= ttl_ms
        self.client.pexpire(key, 1)
        wait_for(lambda: int(self.client.pttl(key)) == -2)

    def ttl_ms(self, key: str) -> int | None:
        return int(self.client.pttl(key))

    def close(self) -> None:
        self.redis_store.close()
        self.client.close()


@pytest.fixture
def server_world(any_redis: CacheProcess) -> Iterator[ServerWorld]:
    world = ServerWorld(any_redis)
    yield world
    world.close()


@pytest.fixture(params=["memory", "valkey", pytest.param("redis_server", marks=pytest.mark.redis_server)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        yield MemoryWorld()
        return
    server = ServerWorld(request.getfixturevalue(request.param))
    yield server
    server.close()


def entry(key: str, value: bytes = b"v", ttl_ms: int = 60_000) -> CacheEntry:
    return CacheEntry(key=key, value=value, ttl_ms=ttl_ms)


def test_values_come_back_in_the_order_asked(world: World) -> None:
    world.store.set_many([entry("a", b"1"), entry("b", b"2"), entry("c", b"")])
    assert world.store.get_many(["c", "nothing", "a", "b", "a"]) == [b"", None, b"1", b"2", b"1"]


def test_nothing_asked_nothing_answered(world: World) -> None:
    assert world.store.get_many([]) == []
    world.store.set_many([])
    assert world.store.acquire_many([], "t", 1000) == []
    assert world.store.release_many([], "t") == []


def test_a_later_value_replaces_an_earlier_one_and_its_time(world: World) -> None:
    world.store.set_many([entry("a", b"1", 1000)])
    world.store.set_many([entry("a", b"2", 600_000)])
    assert world.store.get_many(["a"]) == [b"2"]
    left = world.ttl_ms("a")
    assert left is None or left > 500_000


def test_each_entry_has_its_own_time_and_is_gone_after_it(world: World) -> None:
    world.store.set_many([entry("short", b"1", 5_000), entry("long", b"2", 600_000)])
    world.expire("short", 5_000)
    assert world.store.get_many(["short", "long"]) == [None, b"2"]


def test_an_entry_never_lies_without_an_end(world: World) -> None:
    world.store.set_many([entry("a", ttl_ms=5_000)])
    world.store.acquire("l", "t", 5_000)
    for key in ("a", "l"):
        left = world.ttl_ms(key)
        assert left is None or 0 < left <= 5_000


def test_bytes_are_kept_as_they_are(world: World) -> None:
    every = bytes(range(256)) * 500
    world.store.set_many([entry("ключ 鍵 \n\0", every)])
    assert world.store.get_many(["ключ 鍵 \n\0"]) == [every]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.dictionaries(
        st.text(min_size=1, max_size=30).filter(str.isprintable), st.binary(max_size=200), max_size=20
    )
)
def test_any_table_comes_back(world: World, table: dict[str, bytes]) -> None:
    world.store.set_many([entry(f"t:{key}", value) for key, value in table.items()])
    assert world.store.get_many([f"t:{key}" for key in table]) == list(table.values())


def test_a_lock_has_one_holder(world: World) -> None:
    assert world.store.acquire("l", "mine", 60_000)
    assert not world.store.acquire("l", "yours", 60_000)
    assert not world.store.acquire("l", "mine", 60_000)


def test_only_its_holder_gives_a_lock_back(world: World) -> None:
    world.store.acquire("l", "mine", 60_000)
    assert not world.store.release("l", "yours")
    assert not world.store.acquire("l", "yours", 60_000)
    assert world.store.release("l", "mine")
    assert not world.store.release("l", "mine")
    assert world.store.acquire("l", "yours", 60_000)


def test_a_lock_ends_by_itself_and_its_late_holder_cannot_free_the_next(world: World) -> None:
    world.store.acquire("l", "mine", 5_000)
    world.expire("l", 5_000)
    assert world.store.acquire("l", "yours", 60_000)
    assert not world.store.release("l", "mine")
    assert not world.store.acquire("l", "third", 60_000)


def test_several_locks_are_independent(world: World) -> None:
    world.store.acquire("b", "yours", 60_000)
    assert world.store.acquire_many(["a", "b", "c"], "mine", 60_000) == [True, False, True]
    assert world.store.release_many(["a", "b", "c"], "mine") == [True, False, True]
    assert world.store.acquire_many(["a", "b", "c"], "third", 60_000) == [True, False, True]


def test_of_many_at_once_one_gets_the_lock(world: World) -> None:
    with ThreadPoolExecutor(16) as pool:
        taken = list(pool.map(lambda number: world.store.acquire("l", str(number), 60_000), range(64)))
    assert taken.count(True) == 1


def foreign(client: redis.Redis) -> dict[str, bytes | str]:
    client.hset("hash", mapping={"a": 1})
    client.rpush("list", "a", "b")
    client.sadd("set", "a")
    client.zadd("zset", {"a": 1})
    client.xadd("stream", {"a": 1})
    return {key: client.type(key) for key in ("hash", "list", "set", "zset", "stream")}


def test_keys_of_foreign_types_read_as_misses_and_are_left_alone(server_world: ServerWorld) -> None:
    types = foreign(server_world.client)
    store = server_world.store
    store.set_many([entry("mine", b"1")])
    assert store.get_many([*types, "mine"]) == [None] * len(types) + [b"1"]
    store.set_many([*(entry(key) for key in types), entry("after", b"2")])
    assert {key: server_world.client.type(key) for key in types} == types
    assert store.get_many(["mine", "after"]) == [b"1", b"2"]


def test_a_lock_on_a_foreign_type_is_not_ours(server_world: ServerWorld) -> None:
    types = foreign(server_world.client)
    assert server_world.store.acquire_many(list(types), "mine", 60_000) == [False] * len(types)


def commands(client: redis.Redis) -> dict[str, int]:
    stats = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): stats[name]["calls"] for name in stats}


def test_a_batch_is_one_read_and_one_write_each(server_world: ServerWorld) -> None:
    server_world.store.get_many(["warm"])
    server_world.client.config_resetstat()
    server_world.store.get_many([f"k{number}" for number in range(100)])
    server_world.store.set_many([entry(f"k{number}") for number in range(100)])
    seen = commands(server_world.client)
    assert seen["mget"] == 1
    assert seen["set"] == 100
    assert "get" not in seen
    assert "pexpire" not in seen
    assert "expire" not in seen
