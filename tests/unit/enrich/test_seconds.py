"""Second sources: asked for what the first one's answer lacks, and for nothing else. Time is told; nothing sleeps."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.support.lookups import (
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
from workers.enrich.late import LateParts
from workers.errors import DependencyError
from workers.model import Lookup, OutgoingRecord, Tlp
from workers.ports import CacheEntry

WHOLE, BARE, EMPTY, NONE = "CVE-1", "CVE-2", "CVE-3", "CVE-4"
FIRST: dict[str, dict[str, Any] | None] = {
    WHOLE: {"cvss": 9.8, "weaknesses": ["CWE-1"]},
    BARE: {"cvss": None, "weaknesses": ["CWE-1"]},
    EMPTY: {"cvss": 5.0, "weaknesses": []},
    NONE: None,
}


class ReadingStore(MemoryCacheStore):
    """Counts the reads."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.reads: list[int] = []
        self.written: list[CacheEntry] = []

    def get_many(self, keys: Any) -> list[bytes | None]:
        self.reads.append(len(keys))
        return super().get_many(keys)


class World:
    def __init__(self, late: LateParts | None = None, **second: Any) -> None:
        self.clock, self.telemetry = FakeClock(), RecordingTelemetry()
        self.store = ReadingStore(self.clock)
        self.first = ScriptedProvider(FIRST, "first")
        self.second = ScriptedProvider({key: {"cvss": 1.0} for key in FIRST}, "second")
        values: dict[str, Any] = {
            "second_to": {"first": ("cvss", "weaknesses")},
            "complete_late": late is not None,
        } | second
        rows = [
            row_for(self.second, **values),
            row_for(self.first, complete_late=late is not None, deadline_ms=values.get("deadline_ms", 2000)),
        ]
        self.enricher = build(rows, self.clock, self.store, self.telemetry, late=late, pause=lambda _: True)

    def ask(self, *cves: str, tlp: Tlp | None = Tlp.CLEAR) -> dict[str, list[tuple[str, str]]]:
        """Source and status of the lookups of each CVE."""
        found: dict[str, list[tuple[str, str]]] = {cve: [] for cve in cves}
        for one in self.enricher.look_up([request_for(*cves, tlp=tlp)])[0]:
            found[one.key].append((one.source or "", one.status.value))
        return found

    def land(self) -> None:
        fetchers = self.enricher._fetchers.values()
        wait_for(lambda: not any(fetcher._in_air for fetcher in fetchers))


def test_only_what_the_first_lacks_is_asked_of_the_second() -> None:
    world = World()
    assert world.ask(WHOLE, BARE, EMPTY, NONE) == {
        WHOLE: [("first", "found")],
        BARE: [("second", "found"), ("first", "found")],
        EMPTY: [("second", "found"), ("first", "found")],
        NONE: [("second", "found"), ("first", "not_found")],
    }
    assert sorted(key for call in world.second.calls for key in call) == [BARE, EMPTY, NONE]
    world.enricher.close()


def test_once_known_nothing_is_read_or_asked_again() -> None:
    world = World()
    first = world.ask(WHOLE, BARE, NONE)
    world.land()
    reads, calls = len(world.store.reads), len(world.second.calls)
    assert world.ask(WHOLE, BARE, NONE) == first
    assert (len(world.store.reads), len(world.second.calls)) == (reads, calls)
    world.enricher.close()


def test_a_process_that_has_just_begun_reads_the_cache_once_for_both() -> None:
    world = World()
    world.ask(WHOLE, BARE, NONE)
    world.land()
    other = World()
    other.enricher = build(
        [row_for(other.second, second_to={"first": ("cvss", "weaknesses")}), row_for(other.first)],
        world.clock,
        world.store,
    )
    world.store.reads.clear()
    assert other.ask(WHOLE, BARE) == {WHOLE: [("first", "found")], BARE: [("second", "found"), ("first", "found")]}
    assert world.store.reads == [4]
    assert (other.first.calls, other.second.calls) == ([], [])
    other.enricher.close()
    world.enricher.close()


def test_while_the_first_has_not_answered_the_second_is_left_alone() -> None:
    world = World()
    world.first.fault = DependencyError("first", "http-500")
    assert world.ask(BARE) == {BARE: [("second", "unavailable"), ("first", "unavailable")]}
    assert world.second.calls == []
    world.first.fault = None
    world.land()
    assert world.ask(BARE) == {BARE: [("second", "found"), ("first", "found")]}
    world.enricher.close()


def test_a_stale_second_answer_is_refreshed_like_any_other() -> None:
    world = World()
    world.ask(BARE, WHOLE)
    world.land()
    world.clock.advance(101)
    assert world.ask(BARE, WHOLE) == {
        BARE: [("second", "stale"), ("first", "stale")],
        WHOLE: [("first", "stale")],
    }
    world.land()
    assert world.second.calls == [[BARE], [BARE]]
    world.enricher.close()


def test_what_the_marking_forbids_is_withheld_from_both() -> None:
    world = World()
    assert world.ask(BARE, tlp=Tlp.RED) == {BARE: [("second", "withheld"), ("first", "withheld")]}
    assert (world.first.calls, world.second.calls) == ([], [])
    world.enricher.close()


class Outbox:
    def __init__(self) -> None:
        self.sent: list[tuple[str, list[tuple[str, str]]]] = []

    def publish(self, records: Any) -> None:
        """The test looks at what was built."""

    def close(self) -> None:
        """Nothing to close."""

    def build(self, item: str, digest: str, tlp: Tlp | None, lookups: Any) -> OutgoingRecord:
        found: list[Lookup] = list(lookups)
        self.sent.append((item, [(one.source or "", one.status.value) for one in found]))
        return OutgoingRecord(topic="t", key=None, value=digest.encode(), headers=())


@pytest.mark.parametrize(("cve", "second"), [(WHOLE, []), (BARE, [("second", "found")])])
def test_late_answers_come_from_the_second_only_where_it_is_needed(cve: str, second: list[tuple[str, str]]) -> None:
    outbox = Outbox()
    world = World(LateParts(port=outbox, build=outbox.build, items=10, wait_s=600.0), deadline_ms=1)
    world.first.gate.clear()
    request = msgspec.structs.replace(request_for(cve), item_id="item", content_sha256="x")
    assert {status for _, status in statuses(world.enricher.look_up([request])[0])} == {"unavailable"}
    world.first.gate.set()
    for _ in range(200):
        world.land()
        world.enricher.complete_late()
        if world.enricher._tools.late is not None and not len(world.enricher._tools.late):
            break
    assert sorted(one for _, sent in outbox.sent for one in sent) == sorted([("first", "found"), *second])
    assert world.telemetry.sums["late_answers_total", "unneeded"] == (0 if second else 1)
    assert bool(world.second.calls) == bool(second)
    world.enricher.close()
