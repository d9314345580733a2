"""Looks at and clears our part of the cache server, for a person. Not for the stream: it walks over all keys.

Walks with SCAN and deletes with UNLINK, a thousand keys at a time, so that the server serves others meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, cast

from msgspec import Struct

from workers.adapters.redis_cache import build_client, translated
from workers.settings import RedisSettings

__all__ = ["KeptValue", "RedisBrowser", "literal"]

AT_ONCE = 1000
_SERVER = ("used_memory", "maxmemory", "maxmemory_policy", "evicted_keys", "keyspace_hits", "keyspace_misses")


class KeptValue(Struct, frozen=True):
    """What lies under a key: its value (None for a foreign type, or one gone meanwhile) and the memory that it takes."""

    key: str
    value: bytes | None
    memory: int


class RedisBrowser:
    """One server, seen under one prefix. Raises DependencyError where it does not answer."""

    def __init__(self, settings: RedisSettings, password: str | None) -> None:
        """Connects with the first command. Raises ConfigError for a URL that is none."""
        self._client = build_client(settings, password)
        self._prefix = settings.key_prefix

    def keys(self, pattern: str) -> Iterator[str]:
        """The keys that match `pattern` (Redis's glob) under our prefix."""
        with translated():
            found = self._client.scan_iter(match=f"{literal(self._prefix)}:{pattern}", count=AT_ONCE)
            yield from (key.decode("utf-8", "replace") for key in found)

    def values(self, pattern: str) -> Iterator[KeptValue]:
        """The same with what lies under them."""
        keys = self.keys(pattern)
        while some := list(islice(keys, AT_ONCE)):
            yield from self._read(some)

    def forget(self, keys: Iterator[str]) -> int:
        """Delete these keys; how many were there."""
        deleted = 0
        while some := list(islice(keys, AT_ONCE)):
            with translated():
                deleted += cast("int", self._client.unlink(*some))
        return deleted

    def server(self) -> dict[str, Any]:
        """What the server says of itself: memory, evictions, hits and misses of all its users."""
        with translated():
            found = self._client.info()
        return {name: found.get(name) for name in _SERVER}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _read(self, keys: Sequence[str]) -> Iterator[KeptValue]:
        pipe = self._client.pipeline(transaction=False)
        for key in keys:
            pipe.get(key)
            pipe.memory_usage(key, samples=0)
        with translated():
            answers = pipe.execute(raise_on_error=False)
        for at, key in enumerate(keys):
            value, memory = answers[2 * at : 2 * at + 2]
            yield KeptValue(key, value if isinstance(value, bytes) else None, memory if isinstance(memory, int) else 0)


def literal(text: str) -> str:
    """`text` as a pattern that matches nothing else."""
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in text)
