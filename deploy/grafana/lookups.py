"""The dashboard about what is asked elsewhere: caches, providers, breakers, budgets."""

from __future__ import annotations

from typing import Any

from deploy.grafana.board import Row
from deploy.grafana.panels import Query, about, lines_of, number, states

__all__ = ["rows"]

_CACHE, _BREAKER, _BUDGET = "Cache down", "Breaker open", "Lookup budget low"
_OURS = 'job=~"$job",instance=~"$instance"'
_RATIO_STEPS = ((None, "red"), (0.5, "orange"), (0.8, "green"))
_STATES = {"0": ("closed", "green"), "1": ("half open", "orange"), "2": ("open", "red")}


def rows() -> list[Row]:
    """The dashboard, row by row."""
    return [_glance(), _answers(), _providers()]


def _small(title: str, text: str, runbook: str, expr: str, **more: Any) -> Any:
    return number(about(title, text, runbook, width=4, height=4, **more), Query(expr=expr, now=True))


def _share(metric: str, wanted: str) -> str:
    part = f"sum(increase({metric}{{{wanted},{_OURS}}}[$__range])) or vector(0)"
    return f"({part}) / sum(increase({metric}{{{_OURS}}}[$__range]))"


def _glance() -> Row:
    hits = _share("shirase_cache_requests_total", 'result="hit"')
    found = _share("shirase_lookup_answers_total", 'status=~"found|not_found"')
    withheld = f'sum(increase(shirase_lookup_answers_total{{status="withheld",{_OURS}}}[$__range])) or vector(0)'
    return Row(
        "At a glance",
        [
            _small("Hit rate", "Of all reads of both caches.", _CACHE, hits, unit="percentunit", steps=_RATIO_STEPS),
            _small(
                "Answered",
                "Lookups that ended with an answer, found or known not to exist.",
                _BREAKER,
                found,
                unit="percentunit",
                steps=_RATIO_STEPS,
            ),
            _small("Withheld", "Not asked, because the item's TLP forbids it.", _BREAKER, withheld),
            _small(
                "Breakers open",
                "Dependencies that are not asked at the moment, the cache included.",
                _BREAKER,
                f"count(max by (dependency) (shirase_breaker_state{{{_OURS}}}) > 0) or vector(0)",
                steps=((None, "green"), (1, "red")),
            ),
            _small(
                "Slowest kind",
                "95th percentile of the slowest kind of lookup.",
                _BREAKER,
                "max(histogram_quantile(0.95, sum by (kind, le) "
                f"(increase(shirase_lookup_duration_seconds_bucket{{{_OURS}}}[$__range]))))",
                unit="s",
                steps=((None, "green"), (1, "orange"), (5, "red")),
            ),
            _small(
                "Least budget left",
                "Calls left of the provider that is nearest to its limit.",
                _BUDGET,
                f"min(shirase_lookup_budget_remaining{{{_OURS}}})",
            ),
        ],
    )


def _answers() -> Row:
    return Row(
        "Caches and answers",
        [
            lines_of(
                about(
                    "Hit rate by cache",
                    "Over a quarter of an hour. The process's own stands before the shared one.",
                    _CACHE,
                    unit="percentunit",
                ),
                Query(expr="shirase:cache_hits:ratio15m", legend="{{cache}}"),
            ),
            lines_of(
                about(
                    "Cache reads",
                    "By cache and result. `error`, `refused` and `breaker`: the server does not answer.",
                    _CACHE,
                    unit="ops",
                ),
                Query(
                    expr=f"sum by (cache, result) (rate(shirase_cache_requests_total{{{_OURS}}}[$__rate_interval]))",
                    legend="{{cache}} {{result}}",
                ),
            ),
            lines_of(
                about("Answers by status", "Found, not found, stale, unavailable, withheld.", _BREAKER, unit="ops"),
                Query(
                    expr=f"sum by (status) (rate(shirase_lookup_answers_total{{{_OURS}}}[$__rate_interval]))",
                    legend="{{status}}",
                ),
                stacked=True,
            ),
            lines_of(
                about("Answers by kind", "CVE, actor, technique, indicator, source …", _BREAKER, unit="ops"),
                Query(
                    expr=f"sum by (kind) (rate(shirase_lookup_answers_total{{{_OURS}}}[$__rate_interval]))",
                    legend="{{kind}}",
                ),
                stacked=True,
            ),
        ],
    )


def _providers() -> Row:
    buckets = f"sum by (kind, le) (increase(shirase_lookup_duration_seconds_bucket{{{_OURS}}}[15m]))"
    return Row(
        "Providers",
        [
            lines_of(
                about(
                    "Latency by kind",
                    "Time that a provider takes, median and 95th percentile of a quarter of an hour.",
                    _BREAKER,
                    unit="s",
                ),
                Query(expr=f"histogram_quantile(0.5, {buckets}) >= 0", legend="{{kind}} p50"),
                Query(expr=f"histogram_quantile(0.95, {buckets}) >= 0", legend="{{kind}} p95"),
            ),
            states(
                about("Breakers", "Closed, half open, open, by dependency. `redis` is the shared cache.", _BREAKER),
                Query(expr=f"max by (dependency) (shirase_breaker_state{{{_OURS}}})", legend="{{dependency}}"),
                _STATES,
            ),
            lines_of(
                about("Budget left", "Calls left of each provider's rate limit.", _BUDGET, width=8),
                Query(
                    expr=f"min by (dependency) (shirase_lookup_budget_remaining{{{_OURS}}})", legend="{{dependency}}"
                ),
            ),
            lines_of(
                about(
                    "Late answers",
                    "Lookups answered after their event, by what became of them, in five minutes.",
                    _BREAKER,
                    width=8,
                ),
                Query(
                    expr=f"sum by (result) (increase(shirase_late_answers_total{{{_OURS}}}[5m])) or on () vector(0)",
                    legend="{{result}}",
                ),
                stacked=True,
            ),
            lines_of(
                about(
                    "Time in the look-up stage",
                    "95th percentile of what a batch waits for its lookups.",
                    _BREAKER,
                    unit="s",
                    width=8,
                ),
                Query(
                    expr="histogram_quantile(0.95, sum by (le) "
                    f'(increase(shirase_stage_duration_seconds_bucket{{stage="look_up",{_OURS}}}[5m])))',
                    legend="p95",
                ),
            ),
        ],
    )
