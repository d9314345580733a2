"""The few kinds of panel that our dashboards are made of, each with its unit, thresholds, description and runbook link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, prometheus, stat, statetimeline, table
from grafana_foundation_sdk.builders import timeseries as lines
from grafana_foundation_sdk.models import common as commons
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heat
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.runbook import runbook_link

__all__ = [
    "ABOUT",
    "BAD_ABOVE_ZERO",
    "Panel",
    "Query",
    "about",
    "bars",
    "lines_of",
    "number",
    "scores",
    "states",
    "table_of",
]

Panel: TypeAlias = Any
"""A panel's builder: the SDK has a class for each kind and no name for them all."""

ABOUT = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
Steps: TypeAlias = Sequence[tuple[float | None, str]]
BAD_ABOVE_ZERO: Steps = ((None, "green"), (1, "red"))
PLAIN: Steps = ((None, "blue"),)


@dataclass(frozen=True, kw_only=True)
class Query:
    """One query of a panel. `now`: the value at the end of the range, not a line over it."""

    expr: str
    legend: str = ""
    now: bool = False
    shape: PromQueryFormat | None = None

    def built(self, ref: str) -> prometheus.Dataquery:
        """The query as the SDK wants it."""
        query = prometheus.Dataquery().expr(self.expr).ref_id(ref).legend_format(self.legend or "__auto")
        query = query.instant() if self.now else query.range()
        return query.format(self.shape) if self.shape is not None else query


@dataclass(frozen=True, kw_only=True)
class About:
    """What a panel says of itself, and how its values are read."""

    title: str
    description: str
    runbook: str
    unit: str = "short"
    steps: Steps = PLAIN
    width: int = 12
    height: int = 8


def about(title: str, description: str, runbook: str, **more: Any) -> About:
    """What a panel says of itself; `runbook` is the heading of its section in deploy/runbook.md."""
    return About(title=title, description=description, runbook=runbook, **more)


def number(what: About, query: Query) -> Panel:
    """One number, coloured by its thresholds."""
    panel = _described(stat.Panel(), what, [query])
    reduced = common.ReduceDataOptions().calcs(["lastNotNull"])
    return panel.reduce_options(reduced).graph_mode(commons.BigValueGraphMode.NONE)


def lines_of(what: About, *queries: Query, stacked: bool = False) -> Panel:
    """Lines over time; stacked where their sum means something."""
    panel = _described(lines.Panel(), what, queries).line_width(1).fill_opacity(30 if stacked else 8).min(0)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(commons.StackingMode.NORMAL))
    if len(what.steps) > 1:
        panel = panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(commons.GraphTresholdsStyleMode.DASHED))
    legend = common.VizLegendOptions().show_legend(True).display_mode(commons.LegendDisplayMode.TABLE)
    return panel.legend(legend.placement(commons.LegendPlacement.RIGHT).calcs(["lastNotNull", "max"]))


def bars(what: About, query: Query) -> Panel:
    """One bar for each series, over the whole range."""
    panel = _described(bargauge.Panel(), what, [query]).orientation(commons.VizOrientation.HORIZONTAL).min(0)
    reduced = common.ReduceDataOptions().calcs(["lastNotNull"])
    return panel.reduce_options(reduced).display_mode(commons.BarGaugeDisplayMode.BASIC)


def table_of(what: About, query: Query, *, hidden: Sequence[str] = ("Time",)) -> Panel:
    """A table with a row for each series, largest value first."""
    panel = _described(table.Panel(), what, [query])
    organised = models.DataTransformerConfig(
        id_val="organize", options={"excludeByName": dict.fromkeys(hidden, True), "renameByName": {}}
    )
    coloured = models.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"})
    return panel.with_transformation(organised).override_by_name("Value", [coloured])


def scores(what: About, query: Query) -> Panel:
    """A heat map of a histogram's buckets."""
    colours = heatmap.HeatmapColorOptions().mode(heat.HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    return _described(heatmap.Panel(), what, [query]).calculate(False).color(colours)


def states(what: About, query: Query, names: Mapping[str, tuple[str, str]]) -> Panel:
    """A band over time for each series, with `names` of text and colour for its values."""
    results = {
        value: models.ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(names.items())
    }
    return _described(statetimeline.Panel(), what, [query]).mappings([models.ValueMap(options=results)])


def _described(panel: Panel, what: About, queries: Sequence[Query]) -> Panel:
    panel = panel.title(what.title).description(what.description).datasource(ABOUT).unit(what.unit)
    panel = panel.span(what.width).height(what.height)
    if what.unit == "short" and panel.build().type_val in {"stat", "bargauge"}:
        panel = panel.decimals(0)  # a count; Prometheus extrapolates increases to fractions
    steps = [models.Threshold(value=value, color=colour) for value, colour in what.steps]
    thresholds = dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
    link = dashboard.DashboardLink(f"Runbook: {what.runbook}").type(models.DashboardLinkType.LINK)
    panel = panel.thresholds(thresholds).links([link.url(runbook_link(what.runbook)).target_blank(True)])
    for index, query in enumerate(queries):
        panel = panel.with_target(query.built(chr(ord("A") + index)))
    return panel
