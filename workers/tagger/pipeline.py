"""The pipeline: the one place that names the steps in order. A batch of records in, one outcome for each out.

    decode → classify → look up → tag and route → encode

No step looks back, none keeps anything of a record on itself, and none does I/O but through the lookups it was given.
A step that cannot process an item raises ItemError; the item goes to the dead-letter topic and its neighbours go on.
Any other exception around one item is a bug of ours: the item is dead-lettered with code `bug`, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeAlias

from msgspec import Struct

from workers.enrich import Enricher, LookupRequest
from workers.errors import FatalError, ItemError
from workers.formats.dead_letter import dead_letter
from workers.formats.raw_item import Decoded, ItemDecoder
from workers.formats.tagged_event import EventBuilder, HeaderBuilder, encode_event
from workers.model import (
    Analysis,
    DeadLettered,
    Filtered,
    Lookup,
    Outcome,
    OutgoingRecord,
    Provenance,
    RawItem,
    Record,
    Tagged,
    TaggedEvent,
)
from workers.ports import Clock, Telemetry
from workers.settings import FilterSettings
from workers.tagger.filtering import ItemFilter
from workers.tagger.outputs import OutputLimits, fit_dead_letter
from workers.tagger.routing import Route, Router

__all__ = ["NullReader", "Pipeline", "PipelineParts", "Processed", "Reader"]


class Reader(Protocol):
    """Reads one item: attackers, targets and the rest."""

    def read(self, item: RawItem) -> Analysis:
        """What the item says. Raises ItemError."""
        ...


class NullReader:
    """Reads nothing: the stage is switched off, and the event's `analysed` says so."""

    _NOTHING = Analysis()

    def read(self, item: RawItem) -> Analysis:
        """See `Reader`."""
        del item
        return self._NOTHING


class PipelineParts(Struct, frozen=True, kw_only=True):
    """What a pipeline is made of."""

    decoder: ItemDecoder
    filter: FilterSettings
    reader: Reader
    enricher: Enricher
    router: Router
    events: EventBuilder
    headers: HeaderBuilder
    outputs: OutputLimits
    worker: str


class Processed(Struct, frozen=True, kw_only=True):
    """A processed batch: one outcome per record, in order, and what is to be published, in order."""

    outcomes: list[Outcome]
    outputs: list[OutgoingRecord]
    published: dict[type, int]
    unknown_members: dict[str, int]


@dataclass(slots=True)
class _Draft:
    """One record on its way. Lives for one batch."""

    record: Record
    decoded: Decoded | None = None
    analysis: Analysis | None = None
    lookups: Sequence[Lookup] = ()
    routes: Sequence[Route] = ()
    event: TaggedEvent | None = None
    outcome: Outcome | None = None
    outputs: Sequence[OutgoingRecord] = ()


Drafts: TypeAlias = list[_Draft]
BugReport: TypeAlias = Callable[[Record, Exception], None]


class Pipeline:
    """Turns records into outcomes. Holds no state of its own between batches."""

    def __init__(self, parts: PipelineParts, *, clock: Clock, telemetry: Telemetry, report_bug: BugReport) -> None:
        self._parts = parts
        self._clock = clock
        self._telemetry = telemetry
        self._report_bug = report_bug
        self._filter = ItemFilter(parts.filter)
        self._steps: tuple[tuple[str, Callable[[Drafts, Provenance], None]], ...] = (
            ("decode", self._decode),
            ("classify", self._classify),
            ("look_up", self._look_up),
            ("tag", self._tag),
            ("encode", self._encode),
        )

    def process(self, records: Sequence[Record]) -> Processed:
        """One outcome per record, in order, with what is to be published."""
        drafts = [_Draft(record) for record in records]
        provenance = self._parts.events.provenance(_timestamp(self._clock.wall()))
        for name, step in self._steps:
            started = self._clock.monotonic()
            step(drafts, provenance)
            self._telemetry.observe("stage_duration_seconds", self._clock.monotonic() - started, name)
        return self._collected(drafts)

    def _decode(self, drafts: Drafts, _: Provenance) -> None:
        decode, reason_to_drop = self._parts.decoder.decode, self._filter.reason_to_drop

        def one(draft: _Draft) -> None:
            record = draft.record
            draft.decoded = decoded = decode(record.partition.topic, record.value)
            reason = reason_to_drop(decoded.item)
            if reason is not None:
                draft.outcome = Filtered(code=reason)

        self._each(drafts, one)

    def _classify(self, drafts: Drafts, _: Provenance) -> None:
        read = self._parts.reader.read

        def one(draft: _Draft) -> None:
            assert draft.decoded is not None
            draft.analysis = read(draft.decoded.item)

        self._each(drafts, one)

    def _look_up(self, drafts: Drafts, _: Provenance) -> None:
        open_drafts = [draft for draft in drafts if draft.outcome is None]
        requests = [
            LookupRequest(
                analysis=draft.analysis,
                item=draft.decoded.item,
                tlp=draft.decoded.tlp,
                item_id=draft.decoded.item_id,
                content_sha256=draft.decoded.content_sha256,
            )
            for draft in open_drafts
            if draft.decoded is not None and draft.analysis is not None
        ]
        answers = self._parts.enricher.look_up(requests)
        for draft, lookups in zip(open_drafts, answers, strict=True):
            draft.lookups = lookups

    def _tag(self, drafts: Drafts, provenance: Provenance) -> None:
        build, routes_for = self._parts.events.build, self._parts.router.routes_for

        def one(draft: _Draft) -> None:
            decoded, analysis = draft.decoded, draft.analysis
            assert decoded is not None and analysis is not None  # noqa: PT018 - the steps before
            draft.routes = routes = routes_for(analysis, decoded.item)
            names = [route.name for route in routes]
            draft.event = build(decoded, analysis, draft.lookups, names, provenance)

        self._each(drafts, one)

    def _encode(self, drafts: Drafts, _: Provenance) -> None:
        headers_of, limits = self._parts.headers.build, self._parts.outputs
        main_only = (limits.output,)

        def one(draft: _Draft) -> None:
            event = draft.event
            assert event is not None
            value = encode_event(event)
            limits.check_event(value)
            topics = (*main_only, *dict.fromkeys(route.topic for route in draft.routes)) if draft.routes else main_only
            headers = headers_of(event, draft.record.headers)
            key = event.item.id.encode("utf-8", "surrogatepass")
            draft.outputs = [OutgoingRecord(topic=topic, key=key, value=value, headers=headers) for topic in topics]
            draft.outcome = Tagged(event=event, topics=topics, value=value)

        self._each(drafts, one)

    def _each(self, drafts: Drafts, step: Callable[[_Draft], None]) -> None:
        for draft in drafts:
            if draft.outcome is not None:
                continue
            try:
                step(draft)
            except ItemError as error:
                draft.outcome = DeadLettered(code=error.code, detail=error.detail)
            except (FatalError, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001 - one of the project's two: a bug must cost one item, not the stream
                self._report_bug(draft.record, error)
                draft.outcome = DeadLettered(code="bug", detail=f"{type(error).__name__}: {error}")

    def _collected(self, drafts: Drafts) -> Processed:
        outcomes: list[Outcome] = []
        outputs: list[OutgoingRecord] = []
        published: dict[type, int] = {Tagged: 0, DeadLettered: 0}
        unknown: dict[str, int] = {}
        for draft in drafts:
            outcome = draft.outcome
            if isinstance(outcome, Tagged):
                outputs += draft.outputs
                published[Tagged] += 1
            elif isinstance(outcome, DeadLettered):
                outputs.append(self._dead_letter(draft.record, outcome))
                published[DeadLettered] += 1
            if outcome is not None:
                outcomes.append(outcome)
            if draft.decoded is not None and draft.decoded.unknown_members:
                topic = draft.record.partition.topic
                unknown[topic] = unknown.get(topic, 0) + draft.decoded.unknown_members
        return Processed(outcomes=outcomes, outputs=outputs, published=published, unknown_members=unknown)

    def _dead_letter(self, record: Record, outcome: DeadLettered) -> OutgoingRecord:
        limits = self._parts.outputs
        letter = dead_letter(
            record, limits.dead_letter, code=outcome.code, detail=outcome.detail, worker=self._parts.worker
        )
        return fit_dead_letter(letter, limits)


def _timestamp(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
