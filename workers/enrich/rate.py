"""How often a provider may be asked: token buckets, shared by all workers where the cache server answers. No I/O.

A bucket is told the time and remembers two numbers. Where no server answers each process keeps buckets of its own:
then N workers together may ask N times as often, for as long as the server is away.
"""

from __future__ import annotations

from math import floor
from threading import Lock

from workers.enrich.shared_cache import AnswerCache
from workers.ports import Clock, Rate, Telemetry, Token

__all__ = ["Budget", "RateGuard", "TokenBuckets"]


class TokenBuckets:
    """See `workers.ports.RateLimiter`. In this process alone; for several threads."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = Lock()

    def take_token(self, bucket: str, rate: Rate, now_s: float) -> Token:
        """See the port."""
        with self._lock:
            tokens, at = self._buckets.get(bucket, (float(rate.burst), now_s))
            tokens = min(rate.burst, tokens + max(0.0, now_s - at) * rate.per_s)
            wait = 0.0 if tokens >= 1 else (1 - tokens) / rate.per_s
            left = tokens if wait else tokens - 1
            self._buckets[bucket] = (left, max(at, now_s))
            return Token(wait, left)


class RateGuard:
    """Takes tokens from the shared buckets, and from its own while those cannot be asked."""

    def __init__(self, shared: AnswerCache) -> None:
        self._shared = shared
        self._own = TokenBuckets()

    def take_token(self, bucket: str, rate: Rate, now_s: float) -> Token:
        """See `workers.ports.RateLimiter`."""
        token = self._shared.take_token(bucket, rate, now_s)
        return self._own.take_token(bucket, rate, now_s) if token is None else token


class Budget:
    """Shows the calls left of one provider's rate (metric `lookup_budget_remaining`). For several threads.

    It is what the bucket said last, and what has flowed into it since; other workers may have taken from it meanwhile.
    """

    def __init__(self, provider: str, rate: Rate, clock: Clock, telemetry: Telemetry) -> None:
        self._provider = provider
        self._rate = rate
        self._clock = clock
        self._telemetry = telemetry
        self._last = (float(rate.burst), clock.monotonic())
        self.show()

    def note(self, left: float) -> None:
        """The bucket holds so many tokens now."""
        self._last = (left, self._clock.monotonic())
        self.show()

    def show(self) -> None:
        """Set the gauge to what there is by now."""
        left, at = self._last
        now = min(self._rate.burst, left + (self._clock.monotonic() - at) * self._rate.per_s)
        self._telemetry.set("lookup_budget_remaining", floor(now), self._provider)
