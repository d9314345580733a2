"""Telemetry on prometheus_client: every metric of the table, under its contracted name, in a registry of its own."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from workers.adapters.prometheus import PrometheusTelemetry
from workers.telemetry import METRICS


def test_every_metric_of_the_table_can_be_counted_under_its_contracted_name() -> None:
    telemetry = PrometheusTelemetry()
    for name, spec in METRICS.items():
        labels = ["x"] * len(spec.labels)
        {"counter": telemetry.add, "gauge": telemetry.set, "histogram": telemetry.observe}[spec.kind](name, 1, *labels)
    text = telemetry.exposition().decode()
    for name, spec in METRICS.items():
        sample = f"shirase_{name}" + ("_bucket" if spec.kind == "histogram" else "")
        assert any(line.startswith(sample) for line in text.splitlines()), name
        assert f"# HELP shirase_{name} {spec.help}" in text


def test_amounts_add_up_per_labels() -> None:
    telemetry = PrometheusTelemetry()
    telemetry.add("outcomes_total", 3, "tagged", "")
    telemetry.add("outcomes_total", 2, "tagged", "")
    telemetry.add("outcomes_total", 1, "dead_lettered", "not-json")
    text = telemetry.exposition().decode()
    assert 'shirase_outcomes_total{code="",outcome="tagged"} 5.0' in text
    assert 'shirase_outcomes_total{code="not-json",outcome="dead_lettered"} 1.0' in text


def test_unknown_metrics_and_wrong_labels_are_refused() -> None:
    telemetry = PrometheusTelemetry()
    with pytest.raises(KeyError):
        telemetry.add("no_such_total", 1)
    with pytest.raises(ValueError, match="label"):
        telemetry.add("outcomes_total", 1, "tagged")
    with pytest.raises(ValueError, match="takes no labels"):
        telemetry.observe("batch_records", 1, "x")


def test_nothing_is_registered_globally() -> None:
    before = list(REGISTRY.collect())
    PrometheusTelemetry()
    PrometheusTelemetry()
    assert [family.name for family in REGISTRY.collect()] == [family.name for family in before]
