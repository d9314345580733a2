"""A hundred thousand keys that nobody knows yet: the provider sees no more than its rate. Time is told, nothing sleeps."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from threading import Lock

import pytest

from tests.support.lookups import FakeClock, build, request_for, row_for, statuses
from workers.adapters.memory import MemoryCacheStore
from workers.enrich.rate import TokenBuckets
from workers.ports import ProviderAnswer

KEYS, BATCH, PER_S, BURST = 100_000, 100, 10, 5
SOME = 5 * BATCH
"""As many as the provider's threads take at once."""


class WatchedProvider:
    """Answers everything, and remembers when it was asked for how much."""

    name = "watched"

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._lock = Lock()
        self.calls: list[float] = []
        self.sizes: list[int] = []

    def fetch(self, keys: Sequence[str], timeout_s: float) -> Mapping[str, ProviderAnswer]:
        with self._lock:
            self.calls.append(self._clock.monotonic())
            self.sizes.append(len(keys))
        return {key: ProviderAnswer(value={"key": key}) for key in keys}


def most_in_any(window_s: float, times: Sequence[float]) -> int:
    return max(bisect_right(times, time + window_s) - at for at, time in enumerate(times))


@pytest.mark.parametrize("workers", [1, 4])
def test_the_provider_sees_no_more_than_its_rate(workers: int) -> None:
    clock, buckets = FakeClock(), TokenBuckets()
    lock, provider, store = Lock(), WatchedProvider(clock), MemoryCacheStore(clock)

    def pause(seconds: float) -> bool:
        with lock:
            clock.advance(seconds)
        return False

    row = row_for(
        provider,
        batch=BATCH,
        concurrency=1,
        rate_calls=PER_S,
        rate_period_s=1.0,
        rate_burst=BURST,
        soft_ttl_s=10**7,
        hard_ttl_s=10**8,
        deadline_ms=60_000,
        timeout_ms=9_000,
    )
    enrichers = [
        build([row], clock, store, pause=pause, limiter=buckets, process_entries=KEYS, lock_ms=10_000)
        for _ in range(workers)
    ]
    keys = [f"CVE-{number}" for number in range(KEYS)]
    found = 0
    for turn, at in enumerate(range(0, KEYS, SOME)):
        some = keys[at : at + SOME]
        enricher = enrichers[turn % workers]
        found += sum(status == "found" for _, status in statuses(enricher.look_up([request_for(*some)])[0]))
    for enricher in enrichers:
        enricher.close(5.0)

    assert found == KEYS
    assert sum(provider.sizes) == KEYS  # nothing is asked twice
    assert len(provider.calls) == KEYS // BATCH
    times = sorted(provider.calls)
    for window_s in (0.5, 1.0, 10.0, 60.0):
        assert most_in_any(window_s, times) <= BURST + window_s * PER_S + 1
    assert times[-1] - times[0] >= (KEYS / BATCH - BURST - 1) / PER_S
