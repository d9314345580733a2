"""The laws of the port RateLimiter, on the buckets in memory, on Valkey and on Redis. Time is told; nothing sleeps."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.adapters.redis_cache import RedisCacheStore
from workers.embedded.cache_process import CacheProcess
from workers.enrich.rate import TokenBuckets
from workers.errors import DependencyError
from workers.ports import Rate, RateLimiter
from workers.settings import RedisSettings

NOW = 1_700_000_000.0
_serial = iter(range(1_000_000))


@pytest.fixture(params=["memory", "valkey", pytest.param("redis_server", marks=pytest.mark.redis_server)])
def limiter(request: pytest.FixtureRequest) -> Iterator[RateLimiter]:
    if request.param == "memory":
        yield TokenBuckets()
        return
    server: CacheProcess = request.getfixturevalue(request.param)
    store = RedisCacheStore(RedisSettings(url=server.url, timeout_ms=2000, key_prefix="t"), None)
    yield store
    store.close()


def wait_of(limiter: RateLimiter, name: str, rate: Rate, now: float) -> float:
    return limiter.take_token(name, rate, now).wait_s


def bucket() -> str:
    return f"t:rate:{next(_serial)}"


def test_a_full_bucket_gives_its_burst_and_then_its_rate(limiter: RateLimiter) -> None:
    name, rate = bucket(), Rate(per_s=2.0, burst=3)
    assert [wait_of(limiter, name, rate, NOW) for _ in range(3)] == [0.0] * 3
    assert wait_of(limiter, name, rate, NOW) == pytest.approx(0.5, abs=0.002)
    assert wait_of(limiter, name, rate, NOW + 0.25) == pytest.approx(0.25, abs=0.002)
    assert wait_of(limiter, name, rate, NOW + 0.501) == 0.0
    assert wait_of(limiter, name, rate, NOW + 0.502) > 0.0


def test_it_says_what_is_left(limiter: RateLimiter) -> None:
    name, rate = bucket(), Rate(per_s=2.0, burst=3)
    left = [limiter.take_token(name, rate, NOW).left for _ in range(4)]
    assert left == pytest.approx([2.0, 1.0, 0.0, 0.0])
    assert limiter.take_token(name, rate, NOW + 0.25).left == pytest.approx(0.5, abs=0.002)
    assert limiter.take_token(name, rate, NOW + 10.0).left == pytest.approx(2.0)


def test_a_bucket_holds_no_more_than_its_burst(limiter: RateLimiter) -> None:
    name, rate = bucket(), Rate(per_s=100.0, burst=2)
    wait_of(limiter, name, rate, NOW)
    taken = [wait_of(limiter, name, rate, NOW + 3600) for _ in range(5)]
    assert [wait == 0.0 for wait in taken] == [True, True, False, False, False]


def test_a_clock_that_goes_back_gains_nothing(limiter: RateLimiter) -> None:
    name, rate = bucket(), Rate(per_s=1.0, burst=1)
    assert wait_of(limiter, name, rate, NOW) == 0.0
    for back in (1.0, 100.0, 0.0):
        assert wait_of(limiter, name, rate, NOW - back) > 0.0
    assert wait_of(limiter, name, rate, NOW + 0.5) > 0.0
    assert wait_of(limiter, name, rate, NOW + 1.001) == 0.0


def test_buckets_are_apart(limiter: RateLimiter) -> None:
    rate = Rate(per_s=0.01, burst=1)
    assert [wait_of(limiter, bucket(), rate, NOW) for _ in range(5)] == [0.0] * 5


def test_many_at_once_get_no_more_than_there_is(limiter: RateLimiter) -> None:
    name, rate = bucket(), Rate(per_s=0.001, burst=10)
    with ThreadPoolExecutor(16) as pool:
        waits = list(pool.map(lambda _: wait_of(limiter, name, rate, NOW), range(100)))
    assert sum(wait == 0.0 for wait in waits) == 10


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    per_s=st.sampled_from([0.05, 0.5, 3.0, 40.0]),
    burst=st.integers(1, 6),
    steps=st.lists(st.sampled_from([0.0, 0.001, 0.02, 0.3, 2.0, 30.0]), min_size=1, max_size=60),
)
def test_over_any_time_no_more_go_than_the_rate_allows(
    limiter: RateLimiter, per_s: float, burst: int, steps: list[float]
) -> None:
    name, rate, now, taken = bucket(), Rate(per_s=per_s, burst=burst), NOW, list[float]()
    for step in steps:
        now += step
        if wait_of(limiter, name, rate, now) == 0.0:
            taken.append(now)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + (taken[last] - taken[first]) * per_s + 0.01


def test_who_waits_as_told_gets_a_token(limiter: RateLimiter) -> None:
    name, rate, now = bucket(), Rate(per_s=0.7, burst=1), NOW
    for _ in range(10):
        now += wait_of(limiter, name, rate, now)
        now += 0.002
    assert wait_of(limiter, bucket(), rate, now) == 0.0
    granted = 0
    for _ in range(10):
        wait = wait_of(limiter, name, rate, now)
        granted += wait == 0.0
        now += wait + 0.002
    assert granted >= 4


def test_a_bucket_is_forgotten_once_it_is_full(any_redis: CacheProcess) -> None:
    client = redis.Redis.from_url(any_redis.url)
    store = RedisCacheStore(RedisSettings(url=any_redis.url, timeout_ms=2000, key_prefix="t"), None)
    store.take_token("t:rate:x", Rate(per_s=2.0, burst=4), NOW)
    assert 2000 < int(client.pttl("t:rate:x")) <= 3000
    store.close()
    client.close()


def test_a_foreign_value_is_left_alone(any_redis: CacheProcess) -> None:
    client = redis.Redis.from_url(any_redis.url)
    client.rpush("t:rate:list", "not ours")
    client.set("t:rate:text", "nonsense")
    store = RedisCacheStore(RedisSettings(url=any_redis.url, timeout_ms=2000, key_prefix="t"), None)
    with pytest.raises(DependencyError, match="foreign-type"):
        store.take_token("t:rate:list", Rate(per_s=1.0, burst=1), NOW)
    assert client.type("t:rate:list") == b"list"
    assert store.take_token("t:rate:text", Rate(per_s=1.0, burst=1), NOW).wait_s == 0.0
    store.close()
    client.close()
