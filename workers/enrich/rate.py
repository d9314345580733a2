"""How often a provider may be asked: token buckets, shared by all workers where the cache server answers. No I/O.

A bucket is told the time and remembers two numbers. Where no server answers each process keeps buckets of its own:
then N workers together may ask N times as often, for as long as the server is away.
"""

from __future__ import annotations

from threading import Lock

from workers.enrich.shared_cache import AnswerCache
from workers.ports import Rate

__all__ = ["RateGuard", "TokenBuckets"]


class TokenBuckets:
    """See `workers.ports.RateLimiter`. In this process alone; for several threads."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = Lock()

    def take_token(self, bucket: str, rate: Rate, now_s: float) -> float:
        """See the port."""
        with self._lock:
            tokens, at = self._buckets.get(bucket, (float(rate.burst), now_s))
            tokens = min(rate.burst, tokens + max(0.0, now_s - at) * rate.per_s)
            wait = 0.0 if tokens >= 1 else (1 - tokens) / rate.per_s
            self._buckets[bucket] = (tokens if wait else tokens - 1, max(at, now_s))
            return wait


class RateGuard:
    """Takes tokens from the shared buckets, and from its own while those cannot be asked."""

    def __init__(self, shared: AnswerCache) -> None:
        self._shared = shared
        self._own = TokenBuckets()

    def take_token(self, bucket: str, rate: Rate, now_s: float) -> float:
        """0 where a token was taken, else the seconds until there may be one."""
        wait = self._shared.take_token(bucket, rate, now_s)
        return self._own.take_token(bucket, rate, now_s) if wait is None else wait
