"""The port Telemetry on prometheus_client: our table of metrics in a registry of its own. No server here, no global state."""

from __future__ import annotations

from threading import Lock
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest

from workers.telemetry import METRICS, MetricSpec

__all__ = ["CONTENT_TYPE", "PrometheusTelemetry"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "shirase"


class PrometheusTelemetry:
    """Counts into Prometheus metrics. Children are bound once per set of labels and found in a dictionary after that.

    A metric stands on the page from its first use on: what a process never counts must not read as zero there. Beside ours
    stand the process's own: memory, processor time, open files, start.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self._registry)
        self._families: dict[str, Any] = {}
        self._registering = Lock()  # the lookups count from threads of their own
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
            family = self._family(metric)
            child = family.labels(*labels) if METRICS[metric].labels else _without_labels(family, metric, labels)
            self._children[key] = child
        return child

    def _family(self, metric: str) -> Any:
        with self._registering:
            family = self._families.get(metric)
            if family is None:
                family = self._families[metric] = _family(METRICS[metric], self._registry)
            return family


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
