"""How the Redis client is built, and what its errors become. No server."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
import redis

from workers.adapters.redis_cache import RedisCacheStore, _error_of
from workers.errors import ConfigError, DependencyError
from workers.ports import CacheEntry
from workers.settings import RedisSettings


def store(url: str = "redis://127.0.0.1:1/0", password: str | None = None, **more: Path) -> RedisCacheStore:
    return RedisCacheStore(RedisSettings(url=url, timeout_ms=120, key_prefix="test", **more), password)


def test_the_clients_own_patience_is_switched_off() -> None:
    options = store()._client.connection_pool.connection_kwargs
    assert options["socket_timeout"] == options["socket_connect_timeout"] == 0.12
    assert options["retry"].get_retries() == 1
    assert options["protocol"] == 2
    assert "cache_config" not in options


def test_tls_and_the_password_are_passed_on(tmp_path: Path) -> None:
    pool = store(
        "rediss://shirase@cache.example:6380/2", "s3cret", ssl_ca_file=tmp_path / "ca.pem"
    )._client.connection_pool
    assert pool.connection_class is redis.SSLConnection
    options = pool.connection_kwargs
    assert (options["username"], options["password"], options["db"]) == ("shirase", "s3cret", 2)
    assert options["ssl_ca_certs"] == str(tmp_path / "ca.pem")
    connection = pool.connection_class(**options)
    assert connection.cert_reqs.name == "CERT_REQUIRED"
    assert connection.check_hostname


def test_the_password_stands_in_no_text() -> None:
    subject = store(password="s3cret")
    assert "s3cret" not in repr(subject._client)
    with pytest.raises(DependencyError) as caught:
        subject.get_many(["a"])
    assert "s3cret" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_a_url_that_is_none_is_wrong_configuration() -> None:
    with pytest.raises(ConfigError, match=r"redis\.url"):
        store("http://127.0.0.1")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (redis.exceptions.TimeoutError(), "timeout"),
        (redis.exceptions.AuthenticationError(), "not-authenticated"),
        (redis.exceptions.NoPermissionError(), "not-authorized"),
        (redis.exceptions.AuthorizationError(), "not-authorized"),
        (redis.exceptions.ReadOnlyError(), "read-only"),
        (redis.exceptions.OutOfMemoryError(), "out-of-memory"),
        (redis.exceptions.BusyLoadingError(), "loading"),
        (redis.exceptions.MaxConnectionsError(), "too-many-connections"),
        (redis.exceptions.ConnectionError(), "connection"),
        (redis.exceptions.ResponseError("ERR"), "refused"),
    ],
)
def test_each_error_has_one_code(error: Exception, code: str) -> None:
    translated = _error_of(error)
    assert (translated.dependency, translated.code, translated.retry_after) == ("redis", code, None)


def test_every_method_fails_in_one_way_and_at_once() -> None:
    subject = store()
    started = time.monotonic()
    for call in (
        lambda: subject.get_many(["a"]),
        lambda: subject.set_many([CacheEntry(key="a", value=b"", ttl_ms=1)]),
        lambda: subject.acquire("a", "t", 1),
        lambda: subject.release("a", "t"),
    ):
        with pytest.raises(DependencyError, match="redis: connection"):
            call()
    assert time.monotonic() - started < 1


def test_a_server_that_says_nothing_costs_one_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        subject = store(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        started = time.monotonic()
        with pytest.raises(DependencyError, match="redis: timeout"):
            subject.get_many(["a"])
        assert time.monotonic() - started < 0.36
