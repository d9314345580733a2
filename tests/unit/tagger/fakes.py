"""Fakes of the tagger's ports: a stream in memory, a clock that is told the time, counting telemetry."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from workers.enrich import LookupRequest, NullEnricher
from workers.errors import BatchLost
from workers.formats.raw_item import ItemDecoder
from workers.formats.tagged_event import EventBuilder, HeaderBuilder
from workers.model import Analysis, Lookup, OutgoingRecord, Partition, RawItem, Record
from workers.ports import BatchLimits
from workers.settings import DeadLetterSettings, FilterSettings, RouteSettings, Settings, load_settings
from workers.tagger.health import LoopHealth
from workers.tagger.limits import DeadLetterLimit
from workers.tagger.loop import LoopParts, TaggerLoop
from workers.tagger.outputs import OutputLimits
from workers.tagger.pipeline import NullReader, Pipeline, PipelineParts, Reader
from workers.tagger.routing import Router
from workers.telemetry import METRICS

CONFIG = Path(__file__).resolve().parents[3] / "config"
NEWS = Partition("intel.raw.news", 0)
MANY = DeadLetterSettings(max_in_a_row=1_000, max_share=1.0, share_window=1_000)


def settings(**environment: str) -> Settings:
    """The shipped settings, changed by environment variables."""
    return load_settings(CONFIG, None, environment)


def record(value: bytes | None, offset: int = 0, partition: Partition = NEWS, key: bytes | None = None) -> Record:
    return Record(partition=partition, offset=offset, timestamp_ms=1_000, key=key, value=value)


def item(number: int, **members: object) -> bytes:
    return json.dumps({"id": f"item-{number}", "body": f"text {number}", **members}).encode()


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


class CountingTelemetry:
    """Remembers every number, and refuses metrics and labels that the table does not name."""

    def __init__(self) -> None:
        self.counters: Counter[tuple[str, ...]] = Counter()
        self.gauges: dict[tuple[str, ...], float] = {}
        self.observed: dict[tuple[str, ...], list[float]] = {}

    def add(self, metric: str, amount: float, *labels: str) -> None:
        self._check(metric, labels)
        self.counters[(metric, *labels)] += amount  # type: ignore[assignment]

    def observe(self, metric: str, value: float, *labels: str) -> None:
        self._check(metric, labels)
        self.observed.setdefault((metric, *labels), []).append(value)

    def set(self, metric: str, value: float, *labels: str) -> None:
        self._check(metric, labels)
        self.gauges[(metric, *labels)] = value

    def total(self, metric: str) -> float:
        return sum(amount for (name, *_), amount in self.counters.items() if name == metric)

    @staticmethod
    def _check(metric: str, labels: tuple[str, ...]) -> None:
        assert len(METRICS[metric].labels) == len(labels), (metric, labels)


class RecordingWatchdog:
    """Remembers how it was armed."""

    def __init__(self) -> None:
        self.armed: list[float] = []
        self.is_armed = False

    def arm(self, seconds: float) -> None:
        self.armed.append(seconds)
        self.is_armed = True

    def disarm(self) -> None:
        self.is_armed = False


class MemoryStream:
    """The port RecordStream over lists: publishes whole batches or, when told to lose them, nothing."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.log = list(records)
        self.committed: dict[Partition, int] = {}
        self.published: list[OutgoingRecord] = []
        self.lose_next = 0
        self.rewinds = 0
        self.before_publish: Callable[[], None] = lambda: None
        self._position: dict[Partition, int] = {}

    def poll(self, limits: BatchLimits) -> Sequence[Record]:
        batch = [r for r in self.log if r.offset >= self._position.get(r.partition, 0)][: limits.records]
        for one in batch:
            self._position[one.partition] = one.offset + 1
        return batch

    def publish(self, outputs: Sequence[OutgoingRecord], offsets: Mapping[Partition, int]) -> None:
        self.before_publish()
        if self.lose_next:
            self.lose_next -= 1
            raise BatchLost("the partitions moved")
        self.published += outputs
        self.committed.update(offsets)

    def rewind(self) -> None:
        self.rewinds += 1
        self._position = dict(self.committed)

    def is_caught_up(self) -> bool:
        return all(one.offset < self.committed.get(one.partition, 0) for one in self.log)

    def lag(self) -> Mapping[Partition, int]:
        ends = {one.partition: one.offset + 1 for one in self.log}
        return {place: end - self.committed.get(place, 0) for place, end in ends.items()}

    def close(self) -> None:
        return


class FixedReader:
    """Reads the same from every item."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis

    def read(self, item: RawItem) -> Analysis:
        return self._analysis


class FailingReader:
    """Fails on items whose body holds a word."""

    def __init__(self, word: str, error: Exception) -> None:
        self._word = word
        self._error = error

    def read(self, item: RawItem) -> Analysis:
        if self._word in (item.body or ""):
            raise self._error
        return Analysis()


class EchoEnricher(NullEnricher):
    """One lookup per request, named after the item."""

    def look_up(self, requests: Sequence[LookupRequest]) -> Sequence[list[Lookup]]:
        return [[Lookup(kind="cve", key=r.item.id or "", status="found")] for r in requests]  # type: ignore[arg-type]


NO_FILTER = FilterSettings(exclude_sources=[], languages=[])


def pipeline(
    *,
    reader: Reader | None = None,
    routes: Sequence[RouteSettings] = (),
    filters: FilterSettings = NO_FILTER,
    telemetry: CountingTelemetry | None = None,
    bugs: list[tuple[Record, Exception]] | None = None,
    enricher: NullEnricher | None = None,
    max_request_bytes: int = 1_000_000,
) -> Pipeline:
    """A pipeline of fakes around the real formats."""
    parts = PipelineParts(
        decoder=ItemDecoder(100_000),
        filter=filters,
        reader=reader or NullReader(),
        enricher=enricher or NullEnricher(),
        router=Router(routes, output="out", minimum_score=0.5),
        events=EventBuilder(worker="test", rules="r", knowledge="k"),
        headers=HeaderBuilder("urn:test"),
        outputs=OutputLimits(output="out", dead_letter="dead", max_request_bytes=max_request_bytes),
        worker="test",
    )
    seen = bugs if bugs is not None else []
    return Pipeline(
        parts,
        clock=FakeClock(),
        telemetry=telemetry or CountingTelemetry(),
        report_bug=lambda record, error: seen.append((record, error)),
    )


def loop(
    stream: MemoryStream,
    *,
    run: Pipeline | None = None,
    limit: DeadLetterSettings = MANY,
    batch: int = 10,
    telemetry: CountingTelemetry | None = None,
    watchdog: RecordingWatchdog | None = None,
    lost: list[str] | None = None,
) -> TaggerLoop:
    """A loop of fakes."""
    clock = FakeClock()
    parts = LoopParts(
        stream=stream,
        pipeline=run or pipeline(),
        batch=BatchLimits(records=batch, octets=1_000_000, wait_s=0.0),
        limit=DeadLetterLimit(limit),
        watchdog=watchdog or RecordingWatchdog(),
        watchdog_s=9.0,
        clock=clock,
        telemetry=telemetry or CountingTelemetry(),
        health=LoopHealth(clock, 60.0),
    )
    return TaggerLoop(parts, told_lost=(lost if lost is not None else []).append)
