"""The shared cache behind its breaker: whatever is wrong with it is a miss and a counter, never an error.

Losing it costs speed and fresh answers, no more. A lock that cannot be asked for counts as ours: better two workers
ask a provider than none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from workers.enrich.breaker import Gate
from workers.errors import DependencyError
from workers.ports import CacheEntry, CacheStore, Rate, RateLimiter, Telemetry, Token

__all__ = ["AnswerCache", "NoSharedCache", "SharedCache"]

WRITES_REFUSED = frozenset({"out-of-memory", "read-only", "foreign-type"})
"""What a server says that still answers reads: no reason to stop reading."""


class AnswerCache(Protocol):
    """What the enricher asks of a shared cache. Nothing here raises."""

    def read(self, keys: Sequence[str]) -> list[bytes | None] | None:
        """The values in the order of `keys`; None alone where the cache did not answer."""
        ...

    def write(self, entries: Sequence[CacheEntry]) -> None:
        """Store what can be stored."""
        ...

    def lock(self, keys: Sequence[str], token: str, ttl_ms: int) -> list[bool]:
        """Which of the locks are ours now. All, where the cache did not answer."""
        ...

    def unlock(self, keys: Sequence[str], token: str) -> None:
        """Give the locks back. Those that cannot be given back expire."""
        ...

    def take_token(self, bucket: str, rate: Rate, now_s: float) -> Token | None:
        """See `workers.ports.RateLimiter`; None where the cache did not answer."""
        ...


class NoSharedCache:
    """No cache server is configured: nothing is ever found, every lock is ours."""

    def read(self, keys: Sequence[str]) -> list[bytes | None] | None:
        """See `AnswerCache`."""
        return [] if not keys else None

    def write(self, entries: Sequence[CacheEntry]) -> None:
        """See `AnswerCache`."""

    def lock(self, keys: Sequence[str], token: str, ttl_ms: int) -> list[bool]:  # noqa: ARG002 - the port's shape
        """See `AnswerCache`."""
        return [True] * len(keys)

    def unlock(self, keys: Sequence[str], token: str) -> None:
        """See `AnswerCache`."""

    def take_token(self, bucket: str, rate: Rate, now_s: float) -> Token | None:  # noqa: ARG002 - the port's shape
        """See `AnswerCache`."""
        return None


class SharedCache:
    """A `CacheStore` that never raises. Every call is one round trip at most. For several threads."""

    def __init__(self, store: CacheStore, gate: Gate, telemetry: Telemetry, limiter: RateLimiter | None = None) -> None:
        self._store = store
        self._limiter = limiter
        self._gate = gate
        self._telemetry = telemetry

    def read(self, keys: Sequence[str]) -> list[bytes | None] | None:
        """The values in the order of `keys`; None alone where the cache did not answer."""
        if not keys:
            return []
        if not self._gate.allows():
            self._telemetry.add("cache_requests_total", len(keys), "shared", "breaker")
            return None
        try:
            values = self._store.get_many(keys)
        except DependencyError as error:
            self._trouble(error, len(keys))
            return None
        self._gate.succeeded()
        return values

    def write(self, entries: Sequence[CacheEntry]) -> None:
        """Store what can be stored."""
        if not entries or not self._gate.allows():
            return
        try:
            self._store.set_many(entries)
        except DependencyError as error:
            self._trouble(error, len(entries))
        else:
            self._gate.succeeded()

    def lock(self, keys: Sequence[str], token: str, ttl_ms: int) -> list[bool]:
        """Which of the locks are ours now. All, where the cache did not answer."""
        if keys and self._gate.allows():
            try:
                taken = self._store.acquire_many(keys, token, ttl_ms)
            except DependencyError as error:
                self._trouble(error, len(keys))
            else:
                self._gate.succeeded()
                return taken
        return [True] * len(keys)

    def unlock(self, keys: Sequence[str], token: str) -> None:
        """Give the locks back. Those that cannot be given back expire."""
        if not keys or not self._gate.allows():
            return
        try:
            self._store.release_many(keys, token)
        except DependencyError as error:
            self._trouble(error, len(keys))
        else:
            self._gate.succeeded()

    def take_token(self, bucket: str, rate: Rate, now_s: float) -> Token | None:
        """See `workers.ports.RateLimiter`; None where the cache did not answer."""
        if self._limiter is None or not self._gate.allows():
            return None
        try:
            token = self._limiter.take_token(bucket, rate, now_s)
        except DependencyError as error:
            self._trouble(error, 1)
            return None
        self._gate.succeeded()
        return token

    def _trouble(self, error: DependencyError, keys: int) -> None:
        if error.code in WRITES_REFUSED:
            self._gate.succeeded()
            self._telemetry.add("cache_requests_total", keys, "shared", "refused")
        else:
            self._gate.failed(error.retry_after)
            self._telemetry.add("cache_requests_total", keys, "shared", "error")
