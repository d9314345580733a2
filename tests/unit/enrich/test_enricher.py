"""The enricher on a clock that stands still: which answer comes from where, and what is asked of whom."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterator, Sequence

import pytest

from tests.support.lookups import (
    FailingStore,
    FakeClock,
    RecordingTelemetry,
    ScriptedProvider,
    build,
    request_for,
    row_for,
    statuses,
    wait_for,
)
from workers.adapters.memory import MemoryCacheStore
from workers.adapters.process import SystemClock
from workers.enrich import CachedEnricher, Enricher, NullEnricher
from workers.enrich.fetching import Flight
from workers.enrich.rows import cache_key
from workers.errors import DependencyError
from workers.model import Lookup, Tlp
from workers.ports import CacheEntry

KNOWN = {"CVE-1": {"epss": 0.1}, "CVE-2": {"epss": 0.2}, "CVE-0": None}


class CountingStore(MemoryCacheStore):
    """Counts round trips by method."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.trips: list[tuple[str, int]] = []

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        self.trips.append(("get", len(keys)))
        return super().get_many(keys)

    def set_many(self, entries: Sequence[CacheEntry]) -> None:
        self.trips.append(("set", len(entries)))
        super().set_many(entries)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    scripted = ScriptedProvider(KNOWN)
    yield scripted
    scripted.gate.set()


@pytest.fixture
def store(clock: FakeClock) -> CountingStore:
    return CountingStore(clock)


def settle(enricher: Enricher) -> None:
    """Let everything under way end. The enricher is done with."""
    enricher.close(5.0)


def land(enricher: CachedEnricher) -> None:
    """Let every call under way end, caches filled and locks given back."""
    wait_for(lambda: not any(fetcher._in_air for fetcher in enricher._fetchers.values()))


def look_up(enricher: CachedEnricher, *cves: str, tlp: Tlp | None = Tlp.CLEAR) -> list[Lookup]:
    return enricher.look_up([request_for(*cves, tlp=tlp)])[0]


def test_found_and_not_found(clock: FakeClock, provider: ScriptedProvider) -> None:
    enricher = build([row_for(provider)], clock)
    found, absent = look_up(enricher, "CVE-1", "CVE-0")
    assert (found.status.value, found.value, found.source) == ("found", {"epss": 0.1}, "scripted")
    assert found.fetched_at == "2023-11-14T22:13:20Z"
    assert (absent.status.value, absent.value, absent.fetched_at) == ("not_found", None, found.fetched_at)
    settle(enricher)


def test_answers_come_in_the_order_of_the_requests(clock: FakeClock, provider: ScriptedProvider) -> None:
    enricher = build([row_for(provider)], clock)
    requests = [request_for("CVE-2", "CVE-1"), request_for(), request_for("CVE-1", "CVE-9")]
    assert [statuses(lookups) for lookups in enricher.look_up(requests)] == [
        [("CVE-2", "found"), ("CVE-1", "found")],
        [],
        [("CVE-1", "found"), ("CVE-9", "unavailable")],
    ]
    assert sorted(itertools.chain(*provider.calls)) == ["CVE-1", "CVE-2", "CVE-9"]
    settle(enricher)


def test_a_batch_costs_one_read_and_one_write_of_the_cache(
    clock: FakeClock, provider: ScriptedProvider, store: CountingStore
) -> None:
    enricher = build([row_for(provider)], clock, store)
    enricher.look_up([request_for("CVE-1", "CVE-2"), request_for("CVE-2", "CVE-0")])
    settle(enricher)
    # The second read is made on the provider's thread, under the lock: another worker may have been quicker.
    assert store.trips == [("get", 3), ("get", 3), ("set", 3)]
    assert len(provider.calls) == 1


def test_the_process_answers_what_it_knows_without_asking(
    clock: FakeClock, provider: ScriptedProvider, store: CountingStore
) -> None:
    enricher = build([row_for(provider)], clock, store)
    first = look_up(enricher, "CVE-1", "CVE-0")
    land(enricher)
    assert look_up(enricher, "CVE-1", "CVE-0") == first
    assert len(store.trips) == 3
    assert len(provider.calls) == 1
    settle(enricher)


def test_another_worker_finds_it_in_the_shared_cache(
    clock: FakeClock, provider: ScriptedProvider, store: CountingStore
) -> None:
    one, other = build([row_for(provider)], clock, store), build([row_for(provider)], clock, store)
    first = look_up(one, "CVE-1", "CVE-0")
    settle(one)
    assert look_up(other, "CVE-1", "CVE-0") == first
    assert len(provider.calls) == 1
    settle(other)


def test_stale_is_served_while_one_asks_again(
    clock: FakeClock, provider: ScriptedProvider, store: CountingStore
) -> None:
    enricher = build([row_for(provider)], clock, store)
    look_up(enricher, "CVE-1")
    land(enricher)
    clock.advance(100)
    provider.table["CVE-1"] = {"epss": 0.9}
    provider.gate.clear()
    for _ in range(5):
        (stale,) = look_up(enricher, "CVE-1")
        assert (stale.status.value, stale.value) == ("stale", {"epss": 0.1})
        assert stale.fetched_at == "2023-11-14T22:13:20Z"
    provider.gate.set()
    wait_for(lambda: look_up(enricher, "CVE-1")[0].status.value == "found")
    assert look_up(enricher, "CVE-1")[0].value == {"epss": 0.9}
    assert len(provider.calls) == 2
    settle(enricher)


def test_after_the_hard_time_to_live_it_is_gone(
    clock: FakeClock, provider: ScriptedProvider, store: CountingStore
) -> None:
    enricher = build([row_for(provider)], clock, store)
    look_up(enricher, "CVE-1")
    land(enricher)
    provider.fault = DependencyError("scripted", "http-500")
    clock.advance(999)
    assert statuses(look_up(enricher, "CVE-1")) == [("CVE-1", "stale")]
    clock.advance(1)
    assert statuses(look_up(enricher, "CVE-1")) == [("CVE-1", "unavailable")]
    settle(enricher)


def test_nothing_known_has_its_own_time_to_live(
    clock: FakeClock, provider: ScriptedProvider, store: CountingStore
) -> None:
    enricher = build([row_for(provider)], clock, store)
    look_up(enricher, "CVE-0")
    land(enricher)
    clock.advance(49)
    assert statuses(look_up(enricher, "CVE-0")) == [("CVE-0", "not_found")]
    assert len(provider.calls) == 1
    clock.advance(1)
    provider.table["CVE-0"] = {"epss": 0.5}
    assert statuses(look_up(enricher, "CVE-0")) == [("CVE-0", "found")]
    settle(enricher)


@pytest.mark.parametrize("code", ["http-429", "http-500", "timeout", "connection", "wrong-shape"])
def test_a_refusal_is_never_kept(clock: FakeClock, provider: ScriptedProvider, store: CountingStore, code: str) -> None:
    enricher = build([row_for(provider)], clock, store)
    provider.fault = DependencyError("scripted", code)
    assert statuses(look_up(enricher, "CVE-1")) == [("CVE-1", "unavailable")]
    provider.fault = None
    wait_for(lambda: look_up(enricher, "CVE-1")[0].status.value == "found")
    settle(enricher)
    assert [trip for trip in store.trips if trip[0] == "set"] == [("set", 1)]


def test_what_a_provider_says_nothing_of_stays_unknown(
    clock: FakeClock, provider: ScriptedProvider, store: CountingStore
) -> None:
    enricher = build([row_for(provider)], clock, store)
    assert statuses(look_up(enricher, "CVE-9")) == [("CVE-9", "unavailable")]
    settle(enricher)
    assert [trip for trip in store.trips if trip[0] == "set"] == []


def test_what_is_late_is_unavailable_now_and_there_next_time(
    clock: FakeClock, provider: ScriptedProvider, store: CountingStore
) -> None:
    enricher = build([row_for(provider, deadline_ms=30)], clock, store)
    provider.gate.clear()
    assert statuses(look_up(enricher, "CVE-1")) == [("CVE-1", "unavailable")]
    provider.gate.set()
    wait_for(lambda: look_up(enricher, "CVE-1")[0].status.value == "found")
    assert len(provider.calls) == 1
    settle(enricher)


def test_a_key_is_asked_for_once_at_a_time(clock: FakeClock, provider: ScriptedProvider) -> None:
    enricher = build([row_for(provider, deadline_ms=20)], clock)
    provider.gate.clear()
    for _ in range(5):
        look_up(enricher, "CVE-1", "CVE-2")
    assert provider.calls == [["CVE-1", "CVE-2"]]
    provider.gate.set()
    settle(enricher)


def test_no_second_batch_waits_for_a_provider_that_let_one_wait(provider: ScriptedProvider) -> None:
    real = FakeClock()
    enricher = build([row_for(provider, deadline_ms=100)], real)
    provider.gate.clear()
    assert statuses(look_up(enricher, "CVE-1")) == [("CVE-1", "unavailable")]
    real_waits: list[float] = []
    fetcher = enricher._fetchers[0]
    flights = fetcher.start(["CVE-1", "CVE-2"], [], real.monotonic() + 1000)
    for flight in flights:
        flight.ready.wait = real_waits.append  # type: ignore[method-assign, assignment]
    fetcher.wait(flights, real.monotonic() + 1000)
    assert real_waits == []
    provider.gate.set()
    settle(enricher)


def test_a_call_takes_so_many_keys_and_no_more(clock: FakeClock, provider: ScriptedProvider) -> None:
    provider.table = {f"CVE-{number}": {"n": number} for number in range(25)}
    enricher = build([row_for(provider, batch=10)], clock)
    assert {status for _, status in statuses(look_up(enricher, *provider.table))} == {"found"}
    assert sorted(map(len, provider.calls)) == [5, 10, 10]
    settle(enricher)


def test_more_than_the_pool_takes_is_unavailable_not_queued_for_good(
    clock: FakeClock, provider: ScriptedProvider
) -> None:
    enricher = build([row_for(provider, batch=1, concurrency=1, deadline_ms=20)], clock)
    provider.gate.clear()
    look_up(enricher, *[f"CVE-{number}" for number in range(1000)])
    provider.gate.set()
    settle(enricher)
    assert len(provider.calls) <= 8


def test_several_providers_of_a_kind_answer_side_by_side(clock: FakeClock, provider: ScriptedProvider) -> None:
    other = ScriptedProvider({"CVE-1": {"exploited": True}}, "kev")
    enricher = build([row_for(provider), row_for(other)], clock)
    assert [(lookup.source, lookup.value) for lookup in look_up(enricher, "CVE-1")] == [
        ("scripted", {"epss": 0.1}),
        ("kev", {"exploited": True}),
    ]
    settle(enricher)


def test_a_local_row_needs_no_thread_and_no_cache_server(clock: FakeClock, store: CountingStore) -> None:
    local = ScriptedProvider({"a": {"name": "APT1"}, "b": None}, "knowledge")
    enricher = build([row_for(local, is_local=True, kind="actor", internal=True)], clock, store)
    (lookups,) = enricher.look_up([request_for(actors=["a", "b"], tlp=None)])
    assert statuses(lookups) == [("a", "found"), ("b", "not_found")]
    local.fault = DependencyError("knowledge", "gone")
    assert statuses(enricher.look_up([request_for(actors=["a", "c"])])[0]) == [("a", "found"), ("c", "unavailable")]
    assert store.trips == []
    assert enricher._fetchers == {}
    settle(enricher)


def test_the_breaker_stops_asking_a_sick_provider(clock: FakeClock, provider: ScriptedProvider) -> None:
    telemetry = RecordingTelemetry()
    enricher = build([row_for(provider)], clock, telemetry=telemetry)
    provider.fault = DependencyError("scripted", "http-500")
    for number in range(10):
        assert statuses(look_up(enricher, f"CVE-{number}")) == [(f"CVE-{number}", "unavailable")]
        land(enricher)
    assert len(provider.calls) == 3
    assert telemetry.values["breaker_state", "scripted"] == 2
    provider.fault = None
    clock.advance(5)
    assert statuses(look_up(enricher, "CVE-1")) == [("CVE-1", "found")]
    assert telemetry.values["breaker_state", "scripted"] == 0
    settle(enricher)


def test_a_provider_that_asks_for_time_gets_it(clock: FakeClock, provider: ScriptedProvider) -> None:
    enricher = build([row_for(provider)], clock)
    provider.fault = DependencyError("scripted", "http-429", retry_after=120.0)
    look_up(enricher, "CVE-1")
    land(enricher)
    provider.fault = None
    clock.advance(119)
    assert statuses(look_up(enricher, "CVE-1")) == [("CVE-1", "unavailable")]
    assert len(provider.calls) == 1
    clock.advance(1)
    assert statuses(look_up(enricher, "CVE-1")) == [("CVE-1", "found")]
    settle(enricher)


@pytest.mark.parametrize("code", ["connection", "timeout", "loading"])
def test_without_its_cache_server_it_still_answers(clock: FakeClock, provider: ScriptedProvider, code: str) -> None:
    telemetry, broken = RecordingTelemetry(), FailingStore(code)
    enricher = build([row_for(provider)], clock, broken, telemetry)
    for cve in ("CVE-1", "CVE-2", "CVE-0", "CVE-1"):
        assert look_up(enricher, cve)[0].status.value in {"found", "not_found"}
        land(enricher)
    settle(enricher)
    assert telemetry.sums["cache_requests_total", "shared", "error"] == 3
    assert telemetry.sums["cache_requests_total", "shared", "breaker"] >= 2
    assert telemetry.values["breaker_state", "redis"] == 2
    assert broken.calls == 3


def test_with_the_cache_server_away_the_process_keeps_what_it_has(clock: FakeClock, provider: ScriptedProvider) -> None:
    broken = FailingStore()
    enricher = build([row_for(provider)], clock, broken, process_ttl_ms=10_000, breaker_failures=1000)
    look_up(enricher, "CVE-1")
    land(enricher)
    for _ in range(5):
        clock.advance(11)
        before = broken.calls
        assert statuses(look_up(enricher, "CVE-1") + look_up(enricher, "CVE-1")) == [("CVE-1", "found")] * 2
        assert broken.calls == before + 1  # asked once, and not again at once
    assert len(provider.calls) == 1
    settle(enricher)


class RefusingWrites(MemoryCacheStore):
    """Reads, and refuses to store, as a full or read-only server does."""

    def __init__(self, clock: FakeClock, code: str) -> None:
        super().__init__(clock)
        self.code = code

    def set_many(self, entries: Sequence[CacheEntry]) -> None:
        raise DependencyError("redis", self.code)

    def acquire_many(self, keys: Sequence[str], token: str, ttl_ms: int) -> list[bool]:
        raise DependencyError("redis", self.code)


@pytest.mark.parametrize("code", ["out-of-memory", "read-only"])
def test_a_cache_that_takes_no_writes_is_still_read(clock: FakeClock, provider: ScriptedProvider, code: str) -> None:
    telemetry, store = RecordingTelemetry(), RefusingWrites(clock, code)
    enricher = build([row_for(provider)], clock, store, telemetry)
    for cve in ("CVE-1", "CVE-2", "CVE-0"):
        assert look_up(enricher, cve)[0].status.value in {"found", "not_found"}
        land(enricher)
    settle(enricher)
    assert telemetry.values["breaker_state", "redis"] == 0
    assert telemetry.sums["cache_requests_total", "shared", "refused"] == 6
    assert telemetry.sums["cache_requests_total", "shared", "miss"] == 3


@pytest.mark.parametrize("rubbish", [b"", b"\x01p\xff", b"\x09p", b"\x80\x04\x95", b"\x01z123"])
def test_rubbish_in_the_cache_is_a_miss_and_is_replaced(
    clock: FakeClock, provider: ScriptedProvider, rubbish: bytes
) -> None:
    store, row = MemoryCacheStore(clock), row_for(provider)
    key = cache_key(row, "CVE-1")
    store.set_many([CacheEntry(key=key, value=rubbish, ttl_ms=10_000)])
    enricher = build([row], clock, store)
    assert statuses(look_up(enricher, "CVE-1")) == [("CVE-1", "found")]
    settle(enricher)
    assert store.get_many([key]) != [rubbish]


def test_who_loses_the_lock_takes_what_the_winner_brings(provider: ScriptedProvider) -> None:
    clock = SystemClock()
    store, row = MemoryCacheStore(clock), row_for(provider)
    winner, loser = build([row], clock, store), build([row], clock, store)
    provider.gate.clear()
    started = winner._fetchers[0].start(["CVE-1"], [], clock.monotonic() + 5)
    assert provider.entered.acquire(timeout=5)
    waiting = loser._fetchers[0].start(["CVE-1"], [], clock.monotonic() + 5)
    provider.gate.set()
    assert all(flight.ready.wait(5) for flight in (*started, *waiting))
    assert waiting[0].answers["CVE-1"].fresh.value == {"epss": 0.1}
    assert len(provider.calls) == 1
    settle(winner)
    settle(loser)


def test_who_waits_for_another_worker_waits_once(clock: FakeClock, provider: ScriptedProvider) -> None:
    store, row = MemoryCacheStore(clock), row_for(provider, deadline_ms=300)
    store.acquire(cache_key(row, "CVE-1") + ":lock", "another worker", 10_000)
    enricher = build([row], clock, store, lock_ms=10_000)
    assert statuses(look_up(enricher, "CVE-1")) == [("CVE-1", "unavailable")]
    clock.advance(1)  # past the deadline: the waiter gives up
    land(enricher)
    assert enricher._fetchers[0].start(["CVE-1"], [], clock.monotonic() + 1) == []
    clock.advance(10)  # the lock has expired, whoever held it
    assert statuses(look_up(enricher, "CVE-1")) == [("CVE-1", "found")]
    settle(enricher)


def test_large_answers_are_compressed_in_the_cache(clock: FakeClock, provider: ScriptedProvider) -> None:
    provider.table["CVE-1"] = {"text": "word " * 2000}
    store, row = MemoryCacheStore(clock), row_for(provider)
    enricher = build([row], clock, store)
    look_up(enricher, "CVE-1")
    settle(enricher)
    (value,) = store.get_many([cache_key(row, "CVE-1")])
    assert value is not None
    assert len(value) < 300


def test_the_process_keeps_no_more_than_it_may(clock: FakeClock, provider: ScriptedProvider) -> None:
    provider.table = {f"CVE-{number}": {"n": number} for number in range(50)}
    enricher = build([row_for(provider)], clock, process_entries=10)
    assert {status for _, status in statuses(look_up(enricher, *provider.table))} == {"found"}
    settle(enricher)
    assert len(enricher._tools.process) == 10


def test_it_counts_what_it_answers(clock: FakeClock, provider: ScriptedProvider, store: CountingStore) -> None:
    telemetry = RecordingTelemetry()
    enricher = build([row_for(provider)], clock, store, telemetry)
    enricher.look_up([request_for("CVE-1", "CVE-0", "CVE-9"), request_for("CVE-1"), request_for("CVE-1", tlp=Tlp.RED)])
    land(enricher)
    clock.advance(60.5)
    look_up(enricher, "CVE-1")
    settle(enricher)
    counted = {key[1:]: value for key, value in telemetry.sums.items() if key[0] == "lookup_answers_total"}
    assert counted == {
        ("cve", "found"): 3,
        ("cve", "not_found"): 1,
        ("cve", "unavailable"): 1,
        ("cve", "withheld"): 1,
    }
    reads = {key[1:]: value for key, value in telemetry.sums.items() if key[0] == "cache_requests_total" and value}
    assert reads == {("process", "miss"): 4, ("shared", "miss"): 3, ("shared", "hit"): 1}
    assert telemetry.observations["lookup_duration_seconds", "cve"] == 1


def test_closing_does_not_wait_for_a_call_that_hangs(provider: ScriptedProvider) -> None:
    clock = SystemClock()
    enricher = build([row_for(provider, deadline_ms=10)], clock)
    provider.gate.clear()
    look_up(enricher, "CVE-1")
    started = clock.monotonic()
    enricher.close(0.05)
    assert clock.monotonic() - started < 1
    provider.gate.set()
    assert statuses(look_up(enricher, "CVE-2")) == [("CVE-2", "unavailable")]


def test_times_read_as_the_contract_says(clock: FakeClock, provider: ScriptedProvider) -> None:
    enricher = build([row_for(provider)], clock)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", look_up(enricher, "CVE-1")[0].fetched_at or "")
    settle(enricher)


def test_no_enricher_no_lookups() -> None:
    null = NullEnricher()
    assert null.look_up([request_for("CVE-1"), request_for()]) == [[], []]
    null.close()


def test_a_flight_that_landed_meanwhile_is_not_overdue(clock: FakeClock, provider: ScriptedProvider) -> None:
    enricher = build([row_for(provider)], clock)
    fetcher = enricher._fetchers[0]
    fetcher.wait([Flight(["CVE-1"], ())], clock.monotonic())
    assert fetcher._overdue == set()


class StuckLocks(MemoryCacheStore):
    """Gives locks and does not take them back."""

    def release_many(self, keys: Sequence[str], token: str) -> list[bool]:
        raise DependencyError("redis", "timeout")


def test_a_lock_that_cannot_be_given_back_harms_nobody(clock: FakeClock, provider: ScriptedProvider) -> None:
    telemetry = RecordingTelemetry()
    enricher = build([row_for(provider)], clock, StuckLocks(clock), telemetry)
    assert statuses(look_up(enricher, "CVE-1")) == [("CVE-1", "found")]
    settle(enricher)
    assert telemetry.sums["cache_requests_total", "shared", "error"] == 1


def test_a_provider_with_a_bug_costs_its_answer_and_holds_nothing(
    clock: FakeClock, provider: ScriptedProvider, store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda hook: shown.append(hook.exc_type))
    enricher = build([row_for(provider)], clock, store)
    monkeypatch.setattr(provider, "fault", ZeroDivisionError())
    assert statuses(look_up(enricher, "CVE-1")) == [("CVE-1", "unavailable")]
    monkeypatch.setattr(provider, "fault", None)
    assert statuses(look_up(enricher, "CVE-1")) == [("CVE-1", "found")]
    settle(enricher)
    assert shown == [ZeroDivisionError]


def test_what_landed_since_the_caller_looked_is_not_sent_for_again(
    clock: FakeClock, provider: ScriptedProvider
) -> None:
    enricher = build([row_for(provider)], clock)
    look_up(enricher, "CVE-1")
    land(enricher)
    (landed,) = enricher._fetchers[0].start(["CVE-1"], [], clock.monotonic() + 1)
    assert landed.ready.is_set()
    assert landed.answers["CVE-1"].fresh.value == {"epss": 0.1}
    settle(enricher)
    assert len(provider.calls) == 1
