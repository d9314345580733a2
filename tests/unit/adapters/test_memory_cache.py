from __future__ import annotations

from tests.support.lookups import FakeClock
from workers.adapters.memory import MemoryCacheStore
from workers.ports import CacheEntry


def test_it_lives_by_the_clock_it_was_given() -> None:
    clock = FakeClock()
    store = MemoryCacheStore(clock)
    store.set_many([CacheEntry(key="a", value=b"1", ttl_ms=1500)])
    clock.advance(1.4)
    assert store.get_many(["a"]) == [b"1"]
    clock.advance(0.2)
    assert store.get_many(["a"]) == [None]
    assert store._values == {}
