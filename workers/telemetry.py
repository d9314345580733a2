"""The metrics we promise: one closed table. Names, kinds and labels are part of the contract; additive changes only.

Never a label: actor name, item id, observable, exception text, URL. No Prometheus here; the adapter reads this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

__all__ = ["METRICS", "MetricSpec", "NullTelemetry"]

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]

STAGE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
LATENCY_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
AGE_SECONDS = (60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0, 259200.0, 604800.0, 2592000.0)
BATCH_RECORDS = (1.0, 5.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2000.0, 5000.0)


class MetricSpec(Struct, frozen=True):
    """One metric: its name without the prefix `shirase_`, kind, help text, labels, and buckets in base units."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_TABLE = (
    MetricSpec("records_consumed_total", "counter", "Records taken from a raw topic and committed.", ("topic",)),
    MetricSpec("outcomes_total", "counter", "What became of each record.", ("outcome", "code")),
    MetricSpec("events_published_total", "counter", "Records published and committed, per topic.", ("topic",)),
    MetricSpec("tags_total", "counter", "Tags by attacker country and sector, rest under other.", ("kind", "value")),
    MetricSpec("unknown_members_total", "counter", "Members of raw items that the contract does not name.", ("topic",)),
    MetricSpec("stage_duration_seconds", "histogram", "Time a batch spends in a stage.", ("stage",), STAGE_SECONDS),
    MetricSpec("batch_records", "histogram", "Records in a batch.", (), BATCH_RECORDS),
    MetricSpec("publish_to_tag_seconds", "histogram", "Item published to event published.", (), AGE_SECONDS),
    MetricSpec("end_to_end_seconds", "histogram", "Record timestamp to event committed.", (), LATENCY_SECONDS),
    MetricSpec("lookup_answers_total", "counter", "Lookup answers by kind and status.", ("kind", "status")),
    MetricSpec("cache_requests_total", "counter", "Cache reads by cache and result.", ("cache", "result")),
    MetricSpec("lookup_duration_seconds", "histogram", "Time a provider takes.", ("kind",), LATENCY_SECONDS),
    MetricSpec("late_answers_total", "counter", "Lookups answered after their event, by result.", ("result",)),
    MetricSpec("breaker_state", "gauge", "0 closed, 1 half-open, 2 open.", ("dependency",)),
    MetricSpec("consumer_lag_records", "gauge", "Log end minus committed position.", ("topic", "partition")),
    MetricSpec("consumer_lag_seconds", "gauge", "Age of the record last taken, zero when caught up."),
    MetricSpec("rebalances_total", "counter", "Partitions assigned, revoked or lost.", ("kind",)),
    MetricSpec("transactions_total", "counter", "Transactions by result.", ("result",)),
    MetricSpec("alerts_total", "counter", "Alerts by reason and attacker country.", ("reason", "country")),
    MetricSpec("alerts_suppressed_total", "counter", "Alerts not raised, by what held them back.", ("cause",)),
    MetricSpec("story_items_total", "counter", "Watched events by what the fold made of them.", ("result",)),
    MetricSpec("stories_open", "gauge", "Stories within the window."),
    MetricSpec("webhook_deliveries_total", "counter", "Alerts offered to a webhook, by result.", ("sink", "result")),
    MetricSpec("attacker_score", "histogram", "Scores of the attackers tagged.", (), SCORES),
    MetricSpec("lookup_budget_remaining", "gauge", "Calls left of a provider's rate limit.", ("dependency",)),
    MetricSpec("knowledge_timestamp_seconds", "gauge", "When the knowledge in use was released."),
    MetricSpec("source_last_item_timestamp_seconds", "gauge", "When a source's last item arrived.", ("source",)),
    MetricSpec("dead_letter_limit_remaining", "gauge", "Dead letters in a row left before the worker stops."),
    MetricSpec("knowledge_info", "gauge", "The knowledge in use, value 1.", ("version",)),
    MetricSpec("build_info", "gauge", "The worker's version, value 1.", ("version",)),
)
METRICS: Mapping[str, MetricSpec] = {spec.name: spec for spec in _TABLE}


class NullTelemetry:
    """Counts nothing, and still refuses a metric that the table does not name."""

    def add(self, metric: str, amount: float, *labels: str) -> None:
        """See `workers.ports.Telemetry`."""
        _check(metric, labels, amount)

    def observe(self, metric: str, value: float, *labels: str) -> None:
        """See `workers.ports.Telemetry`."""
        _check(metric, labels, value)

    def set(self, metric: str, value: float, *labels: str) -> None:
        """See `workers.ports.Telemetry`."""
        _check(metric, labels, value)


def _check(metric: str, labels: tuple[str, ...], value: float) -> None:
    if len(METRICS[metric].labels) != len(labels):
        raise ValueError(f"{metric} takes labels {METRICS[metric].labels}, got {labels} with value {value}")
