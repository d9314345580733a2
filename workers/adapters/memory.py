"""A cache store in this process's memory, for tests and for running without a server. Told the time by its clock."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from workers.ports import CacheEntry, Clock

__all__ = ["MemoryCacheStore"]


class MemoryCacheStore:
    """See `workers.ports.CacheStore`. Unbounded: an entry goes when it is asked for after its time. For several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._values: dict[str, tuple[bytes, float]] = {}
        self._lock = Lock()

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """See the port."""
        with self._lock:
            return [self._get(key) for key in keys]

    def set_many(self, entries: Sequence[CacheEntry]) -> None:
        """See the port."""
        with self._lock:
            for entry in entries:
                self._set(entry.key, entry.value, entry.ttl_ms)

    def acquire(self, key: str, token: str, ttl_ms: int) -> bool:
        """See the port."""
        with self._lock:
            return self._acquire(key, token, ttl_ms)

    def release(self, key: str, token: str) -> bool:
        """See the port."""
        with self._lock:
            return self._release(key, token)

    def acquire_many(self, keys: Sequence[str], token: str, ttl_ms: int) -> list[bool]:
        """See the port."""
        with self._lock:
            return [self._acquire(key, token, ttl_ms) for key in keys]

    def release_many(self, keys: Sequence[str], token: str) -> list[bool]:
        """See the port."""
        with self._lock:
            return [self._release(key, token) for key in keys]

    def _get(self, key: str) -> bytes | None:
        value, expires_at = self._values.get(key, (b"", 0.0))
        if self._clock.monotonic() < expires_at:
            return value
        self._values.pop(key, None)
        return None

    def _set(self, key: str, value: bytes, ttl_ms: int) -> None:
        self._values[key] = (value, self._clock.monotonic() + ttl_ms / 1000)

    def _acquire(self, key: str, token: str, ttl_ms: int) -> bool:
        if self._get(key) is not None:
            return False
        self._set(key, token.encode(), ttl_ms)
        return True

    def _release(self, key: str, token: str) -> bool:
        if self._get(key) != token.encode():
            return False
        del self._values[key]
        return True
