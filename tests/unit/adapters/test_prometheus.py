"""Telemetry on prometheus_client: every metric of the table, under its contracted name, in a registry of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

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


def test_what_was_never_counted_is_not_on_the_page_and_the_process_itself_is() -> None:
    """An alerter that said `consumer_lag_seconds 0` of a lag that it does not measure would silence a rule."""
    telemetry = PrometheusTelemetry()
    assert "shirase_" not in telemetry.exposition().decode()
    telemetry.set("consumer_lag_seconds", 0)
    text = telemetry.exposition().decode()
    assert "shirase_consumer_lag_seconds 0.0" in text
    assert "shirase_stories_open" not in text
    assert "process_resident_memory_bytes" in text
    assert "process_start_time_seconds" in text


def test_threads_may_use_a_metric_for_the_first_time_together() -> None:
    telemetry = PrometheusTelemetry()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: telemetry.add("late_answers_total", 1, f"r{number % 2}"), range(64)))
    assert 'shirase_late_answers_total{result="r1"} 32.0' in telemetry.exposition().decode()
