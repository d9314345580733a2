"""Answers that come after their event. Time is told; nothing sleeps, and no thread but the fetchers'."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from workers.enrich import CachedEnricher, LookupRequest
from workers.enrich.late import LateParts
from workers.errors import DependencyError
from workers.formats.enrichment import EnrichmentBuilder
from workers.formats.ids import event_id
from workers.model import Enrichment, OutgoingRecord, Tlp


class Outbox:
    """Keeps what is published; fails on demand."""

    def __init__(self) -> None:
        self.records: list[OutgoingRecord] = []
        self.is_down = False
        self.is_closed = False

    def publish(self, records: Sequence[OutgoingRecord]) -> None:
        if self.is_down:
            raise DependencyError("kafka", "down")
        self.records += records

    def close(self) -> None:
        self.is_closed = True

    def read(self) -> list[Enrichment]:
        return [msgspec.json.decode(record.value or b"", type=Enrichment) for record in self.records]

    def answers(self) -> list[tuple[str, list[tuple[str, str]]]]:
        return [(one.item_id, statuses(one.lookups)) for one in self.read()]


class World:
    def __init__(self, items: int = 100, **row: Any) -> None:
        self.clock, self.telemetry, self.outbox = FakeClock(), RecordingTelemetry(), Outbox()
        self.provider = ScriptedProvider({"CVE-1": {"n": 1}, "CVE-0": None})
        build_record = EnrichmentBuilder("intel.enrichments", "urn:test").build
        late = LateParts(port=self.outbox, build=build_record, items=items, wait_s=600.0)
        values: dict[str, Any] = {"deadline_ms": 1, "complete_late": True} | row
        self.enricher: CachedEnricher = build(
            [row_for(self.provider, **values)],
            self.clock,
            telemetry=self.telemetry,
            late=late,
            pause=lambda _: True,  # the thread that keeps looking ends at once: the test looks itself
        )

    def ask(self, item: str, *cves: str, tlp: Tlp | None = Tlp.CLEAR) -> list[tuple[str, str]]:
        request = msgspec.structs.replace(request_for(*cves, tlp=tlp), item_id=item, content_sha256="digest-" + item)
        return statuses(self.enricher.look_up([request])[0])

    def ask_in_vain(self, item: str, *cves: str) -> None:
        self.provider.gate.clear()
        assert {status for _, status in self.ask(item, *cves)} == {"unavailable"}

    def land(self) -> None:
        self.provider.gate.set()
        wait_for(lambda: not self.enricher._fetchers[0]._in_air)

    def count(self, result: str) -> int:
        return self.telemetry.sums["late_answers_total", result]

    @property
    def waiting(self) -> int:
        assert self.enricher._tools.late is not None
        return len(self.enricher._tools.late)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.provider.gate.set()
    made.enricher.close(5.0)


def test_what_came_late_goes_to_the_items_that_asked(world: World) -> None:
    world.ask_in_vain("item-1", "CVE-1")
    world.ask_in_vain("item-2", "CVE-1")
    world.enricher.complete_late()
    assert world.outbox.records == []  # not answered yet
    world.land()
    world.enricher.complete_late()
    assert world.outbox.answers() == [("item-1", [("CVE-1", "found")]), ("item-2", [("CVE-1", "found")])]
    (one, _) = world.outbox.read()
    assert one.event_id == event_id("item-1", "digest-item-1")
    assert one.lookups[0].value == {"n": 1}
    record = world.outbox.records[0]
    assert (record.topic, record.key) == ("intel.enrichments", b"item-1")
    headers = dict(record.headers)
    assert (headers["ce_type"], headers["shirase-tlp"]) == (b"org.shirase.enrichment.v1", b"CLEAR")
    world.enricher.complete_late()
    assert len(world.outbox.records) == 2
    assert (world.waiting, world.count("published")) == (0, 2)


def test_nothing_known_is_an_answer_too(world: World) -> None:
    world.ask_in_vain("item-1", "CVE-0", "CVE-1")
    world.land()
    world.enricher.complete_late()
    assert world.outbox.answers() == [("item-1", [("CVE-0", "not_found"), ("CVE-1", "found")])]


def test_a_provider_that_failed_is_asked_again(world: World) -> None:
    world.provider.fault = DependencyError("scripted", "http-500")
    assert world.ask("item-1", "CVE-1") == [("CVE-1", "unavailable")]
    world.land()
    world.provider.fault = None
    for _ in range(100):
        world.enricher.complete_late()
        world.land()
        if world.outbox.records:
            break
    assert world.outbox.answers() == [("item-1", [("CVE-1", "found")])]


def test_what_was_answered_or_withheld_is_not_waited_for(world: World) -> None:
    world.ask("item-1", "CVE-1", tlp=Tlp.RED)
    assert world.waiting == 0
    world.ask_in_vain("item-2", "CVE-1")
    world.land()
    assert world.ask("item-3", "CVE-1") == [("CVE-1", "found")]
    world.enricher.complete_late()
    assert [item for item, _ in world.outbox.answers()] == ["item-2"]


def test_a_row_that_does_not_want_it_completes_nothing() -> None:
    world = World(complete_late=False)
    world.ask_in_vain("item-1", "CVE-1")
    assert world.waiting == 0
    world.land()
    world.enricher.close(5.0)
    assert world.outbox.records == []


def test_it_waits_for_so_long_and_no_longer(world: World) -> None:
    world.ask_in_vain("item-1", "CVE-5")
    world.clock.advance(599)
    world.enricher.complete_late()
    assert world.waiting == 1
    world.clock.advance(2)
    world.enricher.complete_late()
    assert (world.waiting, world.count("expired")) == (0, 1)


def test_no_more_items_wait_than_may() -> None:
    world = World(items=3)
    for number in range(5):
        world.ask_in_vain(f"item-{number}", f"CVE-{number}")
    assert (world.waiting, world.count("dropped")) == (3, 2)
    world.land()
    world.enricher.close(5.0)


def test_what_cannot_be_sent_waits_on(world: World) -> None:
    world.ask_in_vain("item-1", "CVE-1")
    world.land()
    world.outbox.is_down = True
    world.enricher.complete_late()
    assert (world.outbox.records, world.waiting, world.count("failed")) == ([], 1, 1)
    world.outbox.is_down = False
    world.enricher.complete_late()
    assert world.outbox.answers() == [("item-1", [("CVE-1", "found")])]
    assert world.waiting == 0


def test_what_landed_goes_out_when_the_enricher_closes() -> None:
    world = World()
    world.ask_in_vain("item-1", "CVE-1")
    world.provider.gate.set()
    world.enricher.close(5.0)
    assert world.outbox.answers() == [("item-1", [("CVE-1", "found")])]


def test_a_thread_of_its_own_looks_while_anything_waits() -> None:
    outbox, provider = Outbox(), ScriptedProvider({"CVE-1": {"n": 1}})
    build_record = EnrichmentBuilder("intel.enrichments", "urn:test").build
    late = LateParts(port=outbox, build=build_record, items=10, wait_s=600.0)
    row = row_for(provider, deadline_ms=1, complete_late=True)
    enricher = build([row], FakeClock(), late=late)
    provider.gate.clear()
    request = LookupRequest(analysis=request_for("CVE-1").analysis, item=request_for().item, tlp=Tlp.CLEAR, item_id="i")
    assert statuses(enricher.look_up([request])[0]) == [("CVE-1", "unavailable")]
    provider.gate.set()
    wait_for(lambda: bool(outbox.records))
    assert outbox.answers() == [("i", [("CVE-1", "found")])]
    enricher.close(5.0)
