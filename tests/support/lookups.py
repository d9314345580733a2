"""Fakes for lookups: a clock that is told the time, telemetry that remembers, providers and stores that obey a script."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from threading import Event, Lock
from typing import Any

from workers.enrich import CachedEnricher, LookupRequest
from workers.enrich.breaker import BreakerPolicy, Gate
from workers.enrich.late import LateBook, LateParts
from workers.enrich.process_cache import ProcessCache
from workers.enrich.rate import RateGuard
from workers.enrich.rows import LookupRow, row_of
from workers.enrich.shared_cache import AnswerCache, NoSharedCache, SharedCache
from workers.enrich.tools import EnrichTools
from workers.errors import DependencyError
from workers.model import ActorMatch, Analysis, Attacker, Lookup, RawItem, Tlp, Vulnerability
from workers.ports import CacheEntry, CacheStore, Clock, LookupProvider, ProviderAnswer, RateLimiter, Telemetry
from workers.settings import CacheSettings, LookupSettings
from workers.telemetry import METRICS

__all__ = [
    "FailingStore",
    "FakeClock",
    "RecordingTelemetry",
    "ScriptedProvider",
    "analysis_of",
    "build",
    "cache_settings",
    "lookup_settings",
    "request_for",
    "row_for",
    "statuses",
    "wait_for",
]


class FakeClock:
    """Stands still until told otherwise."""

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._wall = wall
        self._monotonic = 1000.0

    def wall(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._wall += seconds
        self._monotonic += seconds


class RecordingTelemetry:
    """Remembers sums, last values and numbers of observations per metric and labels."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.sums: Counter[tuple[str, ...]] = Counter()
        self.values: dict[tuple[str, ...], float] = {}
        self.observations: Counter[tuple[str, ...]] = Counter()

    def add(self, metric: str, amount: float, *labels: str) -> None:
        assert len(METRICS[metric].labels) == len(labels)
        with self._lock:
            self.sums[metric, *labels] += amount  # type: ignore[assignment]

    def observe(self, metric: str, value: float, *labels: str) -> None:
        assert len(METRICS[metric].labels) == len(labels)
        assert value >= 0
        with self._lock:
            self.observations[metric, *labels] += 1

    def set(self, metric: str, value: float, *labels: str) -> None:
        assert len(METRICS[metric].labels) == len(labels)
        with self._lock:
            self.values[metric, *labels] = value


class ScriptedProvider:
    """Answers from a table. `fault` is raised instead; `gate`, while it is clear, holds every call back."""

    def __init__(self, table: Mapping[str, dict[str, Any] | None], name: str = "scripted") -> None:
        self.table = dict(table)
        self.calls: list[list[str]] = []
        self.fault: DependencyError | None = None
        self.gate = Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def fetch(self, keys: Sequence[str], timeout_s: float) -> Mapping[str, ProviderAnswer]:
        self.calls.append(list(keys))
        self.entered.release()
        assert self.gate.wait(10), "the test forgot to open the gate"
        if self.fault is not None:
            raise self.fault
        return {key: ProviderAnswer(value=self.table[key]) for key in keys if key in self.table}


class FailingStore:
    """A cache store whose every call fails with `code`."""

    def __init__(self, code: str = "connection") -> None:
        self.code = code
        self.calls = 0

    def _fail(self) -> DependencyError:
        self.calls += 1
        return DependencyError("redis", self.code)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        raise self._fail()

    def set_many(self, entries: Sequence[CacheEntry]) -> None:
        raise self._fail()

    def acquire(self, key: str, token: str, ttl_ms: int) -> bool:
        raise self._fail()

    def release(self, key: str, token: str) -> bool:
        raise self._fail()

    def acquire_many(self, keys: Sequence[str], token: str, ttl_ms: int) -> list[bool]:
        raise self._fail()

    def release_many(self, keys: Sequence[str], token: str) -> list[bool]:
        raise self._fail()


def cache_settings(**changes: Any) -> CacheSettings:
    values: dict[str, Any] = {
        "process_entries": 1000,
        "process_ttl_ms": 60_000,
        "jitter": 0.0,
        "lock_ms": 10_000,
        "late_items": 1000,
        "late_wait_s": 3600.0,
        "compress_over_bytes": 1024,
        "breaker_failures": 3,
        "breaker_open_ms": 5000,
    }
    return CacheSettings(**(values | changes))


def lookup_settings(**changes: Any) -> LookupSettings:
    values: dict[str, Any] = {
        "kind": "cve",
        "provider": "scripted",
        "enabled": True,
        "internal": False,
        "batch": 100,
        "deadline_ms": 2000,
        "soft_ttl_s": 100,
        "hard_ttl_s": 1000,
        "negative_ttl_s": 50,
        "tlp_ceiling": "GREEN",
        "answers": {},
    }
    return LookupSettings(**(values | changes))


def row_for(provider: LookupProvider, *, is_local: bool = False, **changes: Any) -> LookupRow:
    settings = lookup_settings(**({"provider": provider.name} | changes))
    return row_of(settings, provider, is_local=is_local, jitter=0.0, key_prefix="test")


def build(
    rows: Sequence[LookupRow],
    clock: Clock,
    store: CacheStore | None = None,
    telemetry: Telemetry | None = None,
    *,
    draw: Callable[[], float] = lambda: 0.0,
    pause: Callable[[float], bool] | None = None,
    limiter: RateLimiter | None = None,
    late: LateParts | None = None,
    **cache: Any,
) -> CachedEnricher:
    """An enricher of these parts, in its own little world."""
    settings, telemetry = cache_settings(**cache), telemetry or RecordingTelemetry()
    shared: AnswerCache = NoSharedCache()
    if store is not None:
        policy = BreakerPolicy(failures=settings.breaker_failures, open_s=settings.breaker_open_ms / 1000)
        shared = SharedCache(store, Gate("redis", policy, clock, telemetry), telemetry, limiter)
    tools = EnrichTools(
        settings=settings,
        shared=shared,
        rates=RateGuard(shared),
        process=ProcessCache(settings.process_entries),
        clock=clock,
        telemetry=telemetry,
        draw=draw,
        token=f"test-{id(settings)}",
        closing=Event(),
        pause=pause,
        late=None if late is None else LateBook(late, clock, telemetry),
    )
    return CachedEnricher(rows, tools)


def analysis_of(cves: Sequence[str] = (), actors: Sequence[str | None] = ()) -> Analysis:
    attackers = [
        Attacker(
            country="CN",
            rank="primary",
            kind="state",
            score=0.9,
            stance="asserted",
            actors=[ActorMatch(name="x", alias="x", score=0.9, id=actor) for actor in actors],
        )
    ]
    return Analysis(attackers=attackers if actors else [], vulnerabilities=[Vulnerability(id=cve) for cve in cves])


def request_for(*cves: str, tlp: Tlp | None = Tlp.CLEAR, actors: Sequence[str | None] = ()) -> LookupRequest:
    return LookupRequest(analysis=analysis_of(cves, actors), item=RawItem(title="t"), tlp=tlp)


def statuses(lookups: Sequence[Lookup]) -> list[tuple[str, str]]:
    return [(lookup.key, lookup.status.value) for lookup in lookups]


def wait_for(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until the condition holds; other threads work meanwhile.

    Raises AssertionError when it does not within `seconds`.
    """
    for _ in range(int(seconds / 0.005)):
        if condition():
            return
        Event().wait(0.005)
    raise AssertionError("waited in vain")
