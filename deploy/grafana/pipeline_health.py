"""The dashboard for operators: does the stream live, is it late, does it lose anything."""

from __future__ import annotations

from typing import Any

from deploy.grafana.board import Row
from deploy.grafana.panels import BAD_ABOVE_ZERO, Query, about, lines_of, number

__all__ = ["rows"]

_LAG, _STILL, _SUM = "Lag growing", "No progress", "Conservation broken"
_SHARE, _FAILED, _LATE = "Dead letter share", "Transaction failures", "Latency high"
_ALERTER, _DOWN = "Alerter behind", "Instance down"
_OURS = 'job=~"$job",instance=~"$instance"'
_SHARE_STEPS = ((None, "green"), (0.01, "orange"), (0.05, "red"))
_AGE_STEPS = ((None, "green"), (30, "orange"), (300, "red"))


def rows() -> list[Row]:
    """The dashboard, row by row."""
    return [_glance(), _throughput(), _balance(), _broker(), _processes(), _alerter()]


def _small(title: str, text: str, runbook: str, expr: str, **more: Any) -> Any:
    return number(about(title, text, runbook, width=4, height=4, **more), Query(expr=expr, now=True))


def _glance() -> Row:
    up = (None, "red"), (1, "green")
    down = "Instances that Prometheus can scrape, taggers and alerter."
    firing = 'count(ALERTS{alertstate="firing",alertname=~"Shirase.+"}) or vector(0)'
    return Row(
        "At a glance",
        [
            _small("Instances up", down, _DOWN, f"sum(up{{{_OURS}}})", steps=up),
            _small("Alerts firing", "Rules of ours that fire now.", _DOWN, firing, steps=BAD_ABOVE_ZERO),
            _small(
                "Records waiting",
                "For the taggers, over all partitions.",
                _LAG,
                'shirase:consumer_lag_records:sum{job="shirase-tagger"}',
                steps=((None, "green"), (1_000, "orange"), (5_000, "red")),
            ),
            _small(
                "Lag",
                "Age of the record last taken, zero when caught up.",
                _LAG,
                'max(shirase_consumer_lag_seconds{job="shirase-tagger"})',
                unit="s",
                steps=_AGE_STEPS,
            ),
            _small(
                "Not accounted for",
                "Records without an outcome, or events that are not on their topic. Anything but zero is a bug.",
                _SUM,
                "sum(shirase:conservation:difference)",
                steps=BAD_ABOVE_ZERO,
            ),
            _small(
                "Dead-letter share",
                "Of the records of the last quarter of an hour.",
                _SHARE,
                "shirase:dead_letters:ratio15m",
                unit="percentunit",
                steps=_SHARE_STEPS,
            ),
        ],
    )


def _throughput() -> Row:
    return Row(
        "Throughput and latency",
        [
            lines_of(
                about("Records consumed", "Read and committed, by topic.", _STILL, unit="recps"),
                Query(expr="shirase:records_consumed:rate5m", legend="{{topic}} ({{job}})"),
            ),
            lines_of(
                about("Records published", "Events and dead letters, by topic.", _STILL, unit="recps"),
                Query(
                    expr=f"sum by (topic) (rate(shirase_events_published_total{{{_OURS}}}[$__rate_interval]))",
                    legend="{{topic}}",
                ),
            ),
            lines_of(
                about("Records waiting", "Log end minus committed position, by topic.", _LAG),
                Query(
                    expr=f"sum by (job, topic) (shirase_consumer_lag_records{{{_OURS}}})", legend="{{topic}} ({{job}})"
                ),
            ),
            lines_of(
                about(
                    "Lag in seconds",
                    "Age of the record last taken, zero when caught up.",
                    _LAG,
                    unit="s",
                    steps=_AGE_STEPS,
                ),
                Query(expr=f"max by (job) (shirase_consumer_lag_seconds{{{_OURS}}})", legend="{{job}}"),
            ),
            lines_of(
                about(
                    "End to end",
                    "From the raw record's timestamp to the committed event.",
                    _LATE,
                    unit="s",
                    steps=((None, "green"), (60, "red")),
                ),
                *(
                    Query(expr=f"shirase:end_to_end_seconds:{share}_5m", legend=share)
                    for share in ("p50", "p95", "p99")
                ),
            ),
            lines_of(
                about("Time by stage", "Mean time that a batch spends in a stage.", _LATE, unit="s"),
                Query(
                    expr=f"sum by (stage) (rate(shirase_stage_duration_seconds_sum{{{_OURS}}}[$__rate_interval]))"
                    f" / sum by (stage) (rate(shirase_stage_duration_seconds_count{{{_OURS}}}[$__rate_interval]))",
                    legend="{{stage}}",
                ),
                stacked=True,
            ),
        ],
    )


def _balance() -> Row:
    return Row(
        "What became of the records",
        [
            lines_of(
                about(
                    "Conservation",
                    "Records not accounted for, by instance. Zero, always.",
                    _SUM,
                    steps=BAD_ABOVE_ZERO,
                    width=8,
                ),
                Query(expr="shirase:conservation:difference", legend="{{instance}}"),
            ),
            lines_of(
                about("Outcomes", "Tagged, dead-lettered, filtered.", _SUM, unit="recps", width=8),
                Query(
                    expr=f"sum by (outcome) (rate(shirase_outcomes_total{{{_OURS}}}[$__rate_interval]))",
                    legend="{{outcome}}",
                ),
                stacked=True,
            ),
            lines_of(
                about(
                    "Dead letters by code", "In the five minutes before. Zero where there was none.", _SHARE, width=8
                ),
                Query(
                    expr='sum by (code) (increase(shirase_outcomes_total{outcome="dead_lettered"}[5m])) or on () vector(0)',
                    legend="{{code}}",
                ),
                stacked=True,
            ),
        ],
    )


def _broker() -> Row:
    return Row(
        "Transactions and rebalances",
        [
            lines_of(
                about("Transactions", "By result. Aborted and lost ones are done again.", _FAILED, unit="ops", width=8),
                Query(
                    expr=f"sum by (result) (rate(shirase_transactions_total{{{_OURS}}}[$__rate_interval]))",
                    legend="{{result}}",
                ),
            ),
            lines_of(
                about("Rebalances", "Partitions assigned, revoked or lost in five minutes.", _FAILED, width=8),
                Query(expr=f"sum by (kind) (increase(shirase_rebalances_total{{{_OURS}}}[5m]))", legend="{{kind}}"),
            ),
            lines_of(
                about("Batch size", "Records in a batch, median and 95th percentile.", _LATE, width=8),
                *(
                    Query(
                        expr=f"histogram_quantile({share}, sum by (le) (increase(shirase_batch_records_bucket[5m])))",
                        legend=name,
                    )
                    for share, name in ((0.5, "p50"), (0.95, "p95"))
                ),
            ),
        ],
    )


def _processes() -> Row:
    return Row(
        "Processes",
        [
            lines_of(
                about("Memory", "Resident memory of each process.", "Crash loop", unit="bytes", width=6),
                Query(expr=f"process_resident_memory_bytes{{{_OURS}}}", legend="{{job}} {{instance}}"),
            ),
            lines_of(
                about("Processor", "Cores used by each process.", _LAG, width=6),
                Query(
                    expr=f"rate(process_cpu_seconds_total{{{_OURS}}}[$__rate_interval])", legend="{{job}} {{instance}}"
                ),
            ),
            lines_of(
                about("Running for", "Time since each process started.", "Crash loop", unit="s", width=6),
                Query(expr=f"time() - process_start_time_seconds{{{_OURS}}}", legend="{{job}} {{instance}}"),
            ),
            lines_of(
                about(
                    "Dead letters left before it stops",
                    "How many more in a row a worker takes.",
                    "Dead letter limit near",
                    steps=((None, "red"), (100, "green")),
                    width=6,
                ),
                Query(expr=f"shirase_dead_letter_limit_remaining{{{_OURS}}}", legend="{{instance}}"),
            ),
        ],
    )


def _alerter() -> Row:
    behind = 'shirase_consumer_lag_{}{{job="shirase-alerter"}}'
    return Row(
        "Alerter",
        [
            lines_of(
                about(
                    "Alerter: lag",
                    "Age of the event last taken, zero when caught up.",
                    _ALERTER,
                    unit="s",
                    steps=_AGE_STEPS,
                    width=8,
                ),
                Query(expr=f"max({behind.format('seconds')})", legend="lag"),
            ),
            lines_of(
                about("Alerter: events waiting", "Tagged events that it has not taken.", _ALERTER, width=8),
                Query(expr=f"sum({behind.format('records')})", legend="events"),
            ),
            lines_of(
                about(
                    "Webhook deliveries",
                    "In five minutes, by sink and result. Zero where no sink is configured.",
                    "Webhooks failing",
                    width=8,
                ),
                Query(
                    expr="sum by (sink, result) (increase(shirase_webhook_deliveries_total[5m])) or on () vector(0)",
                    legend="{{sink}} {{result}}",
                ),
            ),
        ],
    )
