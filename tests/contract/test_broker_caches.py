"""The cache servers of the demo and the tests: they start, freeze, die and come back on the same port."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from workers.embedded.cache_process import CacheProcess
from workers.embedded.valkey import EmbeddedValkey


def client(server: CacheProcess) -> redis.Redis:
    return redis.Redis.from_url(server.url, socket_timeout=0.3, socket_connect_timeout=0.3, retry=None)


def test_a_cache_serves_freezes_and_comes_back(any_redis: CacheProcess) -> None:
    url = any_redis.url
    with client(any_redis) as connected:
        connected.set("k", b"v")
        any_redis.pause()
        with pytest.raises(redis.exceptions.TimeoutError):
            connected.get("k")
        any_redis.resume()
    any_redis.kill()
    with client(any_redis) as refused, pytest.raises(redis.exceptions.ConnectionError):
        refused.ping()
    any_redis.start()
    assert any_redis.url == url
    with client(any_redis) as connected:
        assert connected.get("k") is None
    any_redis.pause()
    any_redis.stop()


def test_two_copies_live_side_by_side() -> None:
    with EmbeddedValkey() as one, EmbeddedValkey() as two:
        assert one.url != two.url
        with client(one) as first, client(two) as second:
            first.set("k", b"v")
            assert second.get("k") is None


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        CacheProcess(tmp_path / "nowhere").start()


def test_a_taken_port_is_an_error_that_names_it() -> None:
    with EmbeddedValkey() as one:
        port = int(one.url.rpartition(":")[2].partition("/")[0])
        two = EmbeddedValkey(port)
        with pytest.raises(TimeoutError, match=str(port)):
            two.start()
        two.close()
