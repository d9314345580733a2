"""What a committed batch counts into the metrics: sources, scores, and the series that stand at zero from the start."""

from __future__ import annotations

from tests.unit.tagger.fakes import CountingTelemetry, record
from workers.model import (
    Attacker,
    ItemRef,
    Mentions,
    Outcome,
    Provenance,
    Source,
    Summary,
    Tagged,
    TaggedEvent,
    Targets,
)
from workers.tagger.counting import BatchCounter
from workers.tagger.pipeline import Processed

NOW = 2_000.0


def count(telemetry: CountingTelemetry, *outcomes: Outcome, counter: BatchCounter | None = None) -> None:
    processed = Processed(outcomes=list(outcomes), outputs=[], published={}, unknown_members={})
    (counter or BatchCounter(telemetry)).count([record(b"") for _ in outcomes], processed, NOW)


def tagged(source: Source | None, *scores: float) -> Tagged:
    attackers = [Attacker(country="CN", rank="primary", kind="state", score=s, stance="asserted") for s in scores]
    event = TaggedEvent(
        id="e",
        item=ItemRef(id="i", content_sha256="0" * 64, source=source),
        analysed=[],
        attackers=attackers,
        targets=Targets(),
        mentions=Mentions(),
        malware=[],
        techniques=[],
        vulnerabilities=[],
        indicators=[],
        lookups=[],
        routes=[],
        summary=Summary(),
        provenance=Provenance(worker="w", rules="r", knowledge="k", processed_at="2026-01-01T00:00:00Z"),
    )
    return Tagged(event=event, topics=("out",), value=b"")


def test_series_that_a_rule_watches_stand_at_zero_before_the_first_record() -> None:
    """An increase from nothing is no increase to Prometheus: the first aborted transaction would not be seen."""
    telemetry = CountingTelemetry()
    BatchCounter(telemetry)
    assert telemetry.counters["transactions_total", "aborted"] == 0
    assert ("transactions_total", "lost") in telemetry.counters
    assert ("outcomes_total", "tagged", "") in telemetry.counters
    assert telemetry.total("outcomes_total") == 0


def test_a_source_shows_when_its_last_item_was_committed() -> None:
    telemetry = CountingTelemetry()
    count(telemetry, tagged(Source(name="CSIS")), tagged(None), tagged(Source(url="https://example.org")))
    assert telemetry.gauges["source_last_item_timestamp_seconds", "CSIS"] == NOW
    assert telemetry.gauges["source_last_item_timestamp_seconds", "unnamed"] == NOW


def test_sources_are_bounded_in_number_and_length() -> None:
    telemetry = CountingTelemetry()
    counter = BatchCounter(telemetry)
    for number in range(300):
        count(telemetry, tagged(Source(name=f"{number:03} {'x' * 500}")), counter=counter)
    names = [labels[1] for labels in telemetry.gauges if labels[0] == "source_last_item_timestamp_seconds"]
    assert len(names) == 201
    assert "other" in names
    assert max(map(len, names)) == 80


def test_every_attackers_score_is_observed() -> None:
    telemetry = CountingTelemetry()
    count(telemetry, tagged(None, 0.9, 0.3), tagged(None))
    assert telemetry.observed["attacker_score",] == [0.9, 0.3]
