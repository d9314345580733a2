"""The cache store and the token buckets on Redis or Valkey (redis-py). The only place that knows the client, and where its errors are translated.

The client's own patience (ten tries, five seconds each) is switched off: one command takes `timeout_ms`, and only a
connection that broke is tried once more, at once, since a pooled one may have died with the server's last restart.
No client-side caching: it refuses Valkey, and pipelines go past it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.errors import ConfigError, DependencyError
from workers.ports import CacheEntry, Rate, Token
from workers.settings import RedisSettings

__all__ = ["RedisCacheStore", "build_client", "translated"]

MAX_CONNECTIONS = 64
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
_BUCKET_SCRIPT = """
local per_ms, burst, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.pcall('get', KEYS[1])
if type(kept) == 'table' and kept.err then return {-1, '0'} end
local tokens, at = burst, now
if kept then
  local t, a = string.match(kept, '^([^:]+):([^:]+)$')
  t, a = tonumber(t), tonumber(a)
  if t and a then
    tokens = math.min(burst, t + math.max(0, now - a) * per_ms)
    at = math.max(a, now)
  end
end
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = math.ceil((1 - tokens) / per_ms) end
redis.call('set', KEYS[1], string.format('%.9f:%.3f', tokens, at), 'px', math.ceil(burst / per_ms) + 1000)
return {wait, string.format('%.9f', tokens)}
"""
_CODES: tuple[tuple[type[Exception], str], ...] = (
    (redis.exceptions.TimeoutError, "timeout"),
    (redis.exceptions.AuthenticationError, "not-authenticated"),
    (redis.exceptions.AuthorizationError, "not-authorized"),
    (redis.exceptions.NoPermissionError, "not-authorized"),
    (redis.exceptions.ReadOnlyError, "read-only"),
    (redis.exceptions.OutOfMemoryError, "out-of-memory"),
    (redis.exceptions.BusyLoadingError, "loading"),
    (redis.exceptions.MaxConnectionsError, "too-many-connections"),
    (redis.exceptions.ConnectionError, "connection"),
)


class RedisCacheStore:
    """See `workers.ports.CacheStore` and `RateLimiter`. For several threads: each call takes a connection of the pool."""

    def __init__(self, settings: RedisSettings, password: str | None) -> None:
        """Connects with the first command, not here. `settings.url` must be given.

        Raises ConfigError for a URL that is none.
        """
        self._client = build_client(settings, password)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """See the port. MGET answers nil for a key of a foreign type."""
        if not keys:
            return []
        with translated():
            values: list[bytes | None] = self._client.mget(keys)
            return values

    def set_many(self, entries: Sequence[CacheEntry]) -> None:
        """See the port. SET with GET refuses to replace a key of a foreign type."""
        pipe = self._client.pipeline(transaction=False)
        for entry in entries:
            pipe.set(entry.key, entry.value, px=entry.ttl_ms, get=True)
        for answer in self._run(pipe):
            if isinstance(answer, redis.exceptions.ResponseError) and not str(answer).startswith("WRONGTYPE"):
                raise _error_of(answer) from answer

    def acquire(self, key: str, token: str, ttl_ms: int) -> bool:
        """See the port."""
        return self.acquire_many([key], token, ttl_ms)[0]

    def release(self, key: str, token: str) -> bool:
        """See the port."""
        return self.release_many([key], token)[0]

    def acquire_many(self, keys: Sequence[str], token: str, ttl_ms: int) -> list[bool]:
        """See the port. SET NX PX: taken and given its end in one step."""
        pipe = self._client.pipeline(transaction=False)
        for key in keys:
            pipe.set(key, token, px=ttl_ms, nx=True)
        return [_checked(answer) is not None for answer in self._run(pipe)]

    def release_many(self, keys: Sequence[str], token: str) -> list[bool]:
        """See the port. Compared and deleted in one step, on the server."""
        pipe = self._client.pipeline(transaction=False)
        for key in keys:
            pipe.eval(_RELEASE, 1, key, token)
        return [_checked(answer) == 1 for answer in self._run(pipe)]

    def take_token(self, bucket: str, rate: Rate, now_s: float) -> Token:
        """See `workers.ports.RateLimiter`. In one step, on the server."""
        with translated():
            wait_ms, left = self._client.eval(
                _BUCKET_SCRIPT, 1, bucket, rate.per_s / 1000, rate.burst, f"{now_s * 1000:.3f}"
            )
        if wait_ms < 0:
            raise DependencyError("redis", "foreign-type")
        return Token(float(wait_ms) / 1000, float(left))

    def close(self) -> None:
        """Close the pool's connections."""
        self._client.close()

    def _run(self, pipe: Any) -> list[Any]:
        with translated():
            answers: list[Any] = pipe.execute(raise_on_error=False)
            return answers


def build_client(settings: RedisSettings, password: str | None) -> Any:
    """A client with our patience. Raises ConfigError for a URL that is none."""
    options: dict[str, Any] = {
        "socket_timeout": settings.timeout_ms / 1000,
        "socket_connect_timeout": settings.timeout_ms / 1000,
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.exceptions.ConnectionError,)),
        "max_connections": MAX_CONNECTIONS,
        "protocol": 2,
    }
    if password is not None:
        options["password"] = password
    if settings.ssl_ca_file is not None:
        options["ssl_ca_certs"] = str(settings.ssl_ca_file)
    try:
        return redis.Redis.from_url(settings.url or "", **options)
    except ValueError as error:
        raise ConfigError("shirase.toml", "redis.url", settings.url, "a redis:// or rediss:// URL") from error


def _checked(answer: Any) -> Any:
    if isinstance(answer, redis.exceptions.RedisError):
        raise _error_of(answer) from answer
    return answer


def _error_of(error: Exception) -> DependencyError:
    code = next((code for kind, code in _CODES if isinstance(error, kind)), "refused")
    return DependencyError("redis", code)


@contextmanager
def translated() -> Iterator[None]:
    """Within, the client's errors become DependencyError."""
    try:
        yield
    except redis.exceptions.RedisError as error:
        raise _error_of(error) from error
