"""Counts a committed batch into the metrics: once per batch, and only after the commit. No I/O but the telemetry port."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from workers.model import DeadLettered, Filtered, Outcome, Record, Tagged, TaggedEvent
from workers.ports import Telemetry
from workers.tagger.pipeline import Processed

__all__ = ["BatchCounter"]

# Latencies are sampled evenly over a batch: its records are committed together, so more would say the same.
_SAMPLES = 32
_MOST_COUNTRIES = 250
_MOST_SECTORS = 64
_MOST_SOURCES = 200
_LONGEST_NAME = 80
_UNNAMED = "unnamed"
# Counted from the start, so that the first of each kind shows as an increase and its absence as zero.
_FROM_ZERO = (
    ("outcomes_total", ("tagged", "")),
    ("transactions_total", ("committed",)),
    ("transactions_total", ("aborted",)),
    ("transactions_total", ("lost",)),
    ("rebalances_total", ("assigned",)),
    ("rebalances_total", ("revoked",)),
    ("rebalances_total", ("lost",)),
    ("tags_total", ("attacker_country", "CN")),
    ("tags_total", ("attacker_country", "KP")),
)


class BatchCounter:
    """Counts batches. The labels that come from events are bounded: past the bound they count as `other`."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._bounds = {"attacker_country": _MOST_COUNTRIES, "sector": _MOST_SECTORS, "source": _MOST_SOURCES}
        self._known: dict[str, set[str]] = {kind: set() for kind in self._bounds}
        for metric, labels in _FROM_ZERO:
            telemetry.add(metric, 0, *labels)

    def count(self, records: Sequence[Record], processed: Processed, committed_at: float) -> None:
        """Count a batch that was committed at `committed_at` (seconds since 1970)."""
        telemetry = self._telemetry
        telemetry.observe("batch_records", len(records))
        for topic, amount in Counter(record.partition.topic for record in records).items():
            telemetry.add("records_consumed_total", amount, topic)
        for (outcome, code), amount in Counter(_labels(outcome) for outcome in processed.outcomes).items():
            telemetry.add("outcomes_total", amount, outcome, code)
        for topic, amount in Counter(output.topic for output in processed.outputs).items():
            telemetry.add("events_published_total", amount, topic)
        for topic, amount in processed.unknown_members.items():
            telemetry.add("unknown_members_total", amount, topic)
        self._count_tags(processed.outcomes)
        self._show_sources(processed.outcomes, committed_at)
        self._observe_ages(records, processed.outcomes, committed_at)

    def _count_tags(self, outcomes: Sequence[Outcome]) -> None:
        tags: Counter[tuple[str, str]] = Counter()
        for outcome in outcomes:
            if isinstance(outcome, Tagged):
                tags.update(("attacker_country", a.country) for a in outcome.event.attackers if a.country)
                tags.update(("sector", sector.id) for sector in outcome.event.targets.sectors)
                for attacker in outcome.event.attackers:
                    self._telemetry.observe("attacker_score", attacker.score)
        for (kind, value), amount in tags.items():
            self._telemetry.add("tags_total", amount, kind, self._bounded(kind, value))

    def _show_sources(self, outcomes: Sequence[Outcome], committed_at: float) -> None:
        seen = {_source_of(outcome.event) for outcome in outcomes if isinstance(outcome, Tagged)}
        for source in {self._bounded("source", name) for name in sorted(seen)}:
            self._telemetry.set("source_last_item_timestamp_seconds", committed_at, source)

    def _bounded(self, kind: str, value: str) -> str:
        known = self._known[kind]
        if value not in known and len(known) >= self._bounds[kind]:
            return "other"
        known.add(value)
        return value

    def _observe_ages(self, records: Sequence[Record], outcomes: Sequence[Outcome], committed_at: float) -> None:
        step = max(1, len(records) // _SAMPLES)
        for record, outcome in zip(records[::step], outcomes[::step], strict=True):
            age = committed_at - record.timestamp_ms / 1000
            self._telemetry.observe("end_to_end_seconds", max(0.0, age))
            published = _published_at(outcome.event) if isinstance(outcome, Tagged) else None
            if published is not None:
                self._telemetry.observe("publish_to_tag_seconds", max(0.0, committed_at - published))


def _labels(outcome: Outcome) -> tuple[str, str]:
    if isinstance(outcome, DeadLettered):
        return "dead_lettered", outcome.code
    if isinstance(outcome, Filtered):
        return "filtered", outcome.code
    return "tagged", ""


def _source_of(event: TaggedEvent) -> str:
    source = event.item.source
    name = source.name if source is not None else None
    return name[:_LONGEST_NAME] if name else _UNNAMED


def _published_at(event: TaggedEvent) -> float | None:
    if event.item.published_at is None:
        return None
    try:
        moment = datetime.fromisoformat(event.item.published_at)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
