"""The dashboard for analysts: who attacks whom, what is new, and whether the sources still speak."""

from __future__ import annotations

from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.board import Row
from deploy.grafana.panels import Query, about, bars, lines_of, number, scores, table_of

__all__ = ["rows"]

_SURGE = "Attacker surge"
_SILENT = "Source silent"
_BEHIND = "Alerter behind"
_TAGGER = 'job=~"$job",instance=~"$instance"'
_COUNTRIES = f'shirase_tags_total{{kind="attacker_country",value=~"$country",{_TAGGER}}}'
_SECTORS = f'shirase_tags_total{{kind="sector",{_TAGGER}}}'
_FRESH = ((None, "green"), (3_600, "orange"), (86_400, "red"))


def rows() -> list[Row]:
    """The dashboard, row by row."""
    return [_watched(), _attackers(), _stories(), _sources()]


def _watched() -> Row:
    return Row(
        "China and North Korea",
        [
            _items_of("CN", "China"),
            _items_of("KP", "North Korea"),
            number(
                about("New stories", "First reports of an event about a watched attacker.", _BEHIND, width=4, height=4),
                Query(expr='sum(increase(shirase_alerts_total{reason="new-story"}[$__range])) or vector(0)', now=True),
            ),
            number(
                about("Alerts", "All reasons: new, corroborated, escalated, surge.", _BEHIND, width=4, height=4),
                Query(expr="sum(increase(shirase_alerts_total[$__range])) or vector(0)", now=True),
            ),
            number(
                about(
                    "Stories open", "Stories that a further report would still fold into.", _BEHIND, width=4, height=4
                ),
                Query(expr="sum(shirase_stories_open)", now=True),
            ),
            number(
                about(
                    "Newest item",
                    "Time since any source delivered anything.",
                    _SILENT,
                    unit="s",
                    steps=_FRESH,
                    width=4,
                    height=4,
                ),
                Query(expr="time() - max(shirase_source_last_item_timestamp_seconds)", now=True),
            ),
            lines_of(
                about(
                    "Items in an hour, and what is usual",
                    "Items with this attacker within the last hour; and, as usual, the 90th percentile of "
                    "such hours within a week. Three times that, and more than ten items, is a surge.",
                    _SURGE,
                    width=24,
                ),
                Query(expr='shirase:attacker_items:increase1h{value=~"CN|KP"}', legend="{{value}}"),
                Query(expr='shirase:attacker_items:usual1h{value=~"CN|KP"}', legend="{{value}} usual"),
            ),
        ],
    )


def _items_of(code: str, name: str) -> object:
    query = (
        f'sum(increase(shirase_tags_total{{kind="attacker_country",value="{code}",{_TAGGER}}}[$__range])) or vector(0)'
    )
    text = f"Items in the range shown that name {name} as an attacker, asserted or suspected."
    return number(about(f"Items: {name}", text, _SURGE, width=4, height=4), Query(expr=query, now=True))


def _attackers() -> Row:
    return Row(
        "Who attacks, and in which sector",
        [
            bars(
                about("Items by attacker country", "The fifteen countries with the most items.", _SURGE, height=10),
                Query(
                    expr=f"sort_desc(topk(15, sum by (value) (increase({_COUNTRIES}[$__range]))))",
                    legend="{{value}}",
                    now=True,
                ),
            ),
            bars(
                about("Items by target sector", "The sector of the target, not of whoever reports.", _SURGE, height=10),
                Query(
                    expr=f"sort_desc(topk(15, sum by (value) (increase({_SECTORS}[$__range]))))",
                    legend="{{value}}",
                    now=True,
                ),
            ),
            lines_of(
                about("Attacker countries over time", "Items an hour by attacker country.", _SURGE),
                Query(expr=f"3600 * sum by (value) (rate({_COUNTRIES}[$__rate_interval]))", legend="{{value}}"),
                stacked=True,
            ),
            lines_of(
                about("Target sectors over time", "Items an hour by the target's sector.", _SURGE),
                Query(expr=f"3600 * sum by (value) (rate({_SECTORS}[$__rate_interval]))", legend="{{value}}"),
                stacked=True,
            ),
        ],
    )


def _stories() -> Row:
    return Row(
        "Stories and alerts",
        [
            lines_of(
                about("Alerts by reason", "Raised in the five minutes before, by reason.", _BEHIND, width=8),
                Query(expr="sum by (reason) (increase(shirase_alerts_total[5m]))", legend="{{reason}}"),
                stacked=True,
            ),
            bars(
                about("Alerts by attacker country", "Raised in the range shown.", _BEHIND, width=4),
                Query(
                    expr='sort_desc(sum by (country) (increase(shirase_alerts_total{country=~"$country"}[$__range])))',
                    legend="{{country}}",
                    now=True,
                ),
            ),
            lines_of(
                about(
                    "What the fold made of watched events",
                    "New stories, further reports of a known one, and what was no news, a minute.",
                    _BEHIND,
                    width=6,
                ),
                Query(
                    expr="60 * sum by (result) (rate(shirase_story_items_total[$__rate_interval]))", legend="{{result}}"
                ),
                stacked=True,
            ),
            lines_of(
                about(
                    "Alerts held back",
                    "By what held them back: rate limit, quiet hours, minimum score. Zero where nothing was.",
                    _BEHIND,
                    width=6,
                ),
                Query(
                    expr="sum by (cause) (increase(shirase_alerts_suppressed_total[5m])) or on () vector(0)",
                    legend="{{cause}}",
                ),
                stacked=True,
            ),
        ],
    )


def _sources() -> Row:
    return Row(
        "Sources, certainty, freshness",
        [
            table_of(
                about(
                    "Age of the last item by source",
                    "Oldest first. Red: nothing for a day.",
                    _SILENT,
                    unit="s",
                    steps=_FRESH,
                    width=8,
                ),
                Query(
                    expr="sort_desc(time() - max by (source) (shirase_source_last_item_timestamp_seconds))",
                    now=True,
                    shape=PromQueryFormat.TABLE,
                ),
            ),
            scores(
                about(
                    "Scores of the attackers",
                    "How sure the tags are: of those scored 0.8 about 80 % are right.",
                    _SURGE,
                    width=8,
                ),
                Query(
                    expr=f"sum by (le) (increase(shirase_attacker_score_bucket{{{_TAGGER}}}[$__rate_interval]))",
                    legend="{{le}}",
                    shape=PromQueryFormat.HEATMAP,
                ),
            ),
            lines_of(
                about(
                    "Published to tagged",
                    "Age of the item, by its own date, when its event came out.",
                    _SILENT,
                    unit="s",
                    width=8,
                ),
                *(
                    Query(
                        expr=f"histogram_quantile({share}, sum by (le) (increase(shirase_publish_to_tag_seconds_bucket[1h])))",
                        legend=name,
                    )
                    for share, name in ((0.5, "p50"), (0.95, "p95"))
                ),
            ),
        ],
    )
