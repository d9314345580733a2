"""The port Telemetry on prometheus_client: our table of metrics in a registry of its own. No server here, no global state."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from workers.telemetry import METRICS, MetricSpec

__all__ = ["CONTENT_TYPE", "PrometheusTelemetry"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "shirase"


class PrometheusTelemetry:
    """Counts into Prometheus metrics. Children are bound once per set of labels and found in a dictionary after that."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        self._families = {name: _family(spec, self._registry) for name, spec in METRICS.items()}
        self._children: dict[tuple[str, ...], Any] = {}

    def add(self, metric: str, amount: float, *labels: str) -> None:
        """See `workers.ports.Telemetry`."""
        self._child(metric, labels).inc(amount)

    def observe(self, metric: str, value: float, *labels: str) -> None:
        """See `workers.ports.Telemetry`."""
        self._child(metric, labels).observe(value)

    def set(self, metric: str, value: float, *labels: str) -> None:
        """See `workers.ports.Telemetry`."""
        self._child(metric, labels).set(value)

    def exposition(self) -> bytes:
        """Everything counted so far, in Prometheus' text format."""
        return generate_latest(self._registry)

    def _child(self, metric: str, labels: tuple[str, ...]) -> Any:
        key = (metric, *labels)
        child = self._children.get(key)
        if child is None:
            family = self._families[metric]
            child = family.labels(*labels) if METRICS[metric].labels else _without_labels(family, metric, labels)
            self._children[key] = child
        return child


def _family(spec: MetricSpec, registry: CollectorRegistry) -> Any:
    name = f"{_PREFIX}_{spec.name}"
    if spec.kind == "counter":
        return Counter(name.removesuffix("_total"), spec.help, spec.labels, registry=registry)
    if spec.kind == "gauge":
        return Gauge(name, spec.help, spec.labels, registry=registry)
    return Histogram(name, spec.help, spec.labels, registry=registry, buckets=spec.buckets)


def _without_labels(family: Any, metric: str, labels: tuple[str, ...]) -> Any:
    if labels:
        raise ValueError(f"{metric} takes no labels, got {labels}")
    return family
