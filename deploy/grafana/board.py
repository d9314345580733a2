"""A dashboard around its rows: variables, links to the others, range, refresh. Panels get their numbers in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard, text
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.text import TextMode

from deploy.grafana.panels import ABOUT
from deploy.runbook import sections

__all__ = ["Row", "board", "runbook_board"]

_TAG = "shirase"


@dataclass(frozen=True)
class Row:
    """A row of panels under a heading."""

    title: str
    panels: Sequence[Any]


def board(uid: str, title: str, description: str, rows: Sequence[Row]) -> models.Dashboard:
    """The dashboard with the variables that its queries use."""
    made = _empty(uid, title, description).time("now-6h", "now").refresh("30s")
    made = made.with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    made = made.with_variable(_variable("job", "Job", 'label_values(up{job=~"shirase-.+"}, job)'))
    made = made.with_variable(_variable("instance", "Instance", 'label_values(up{job=~"$job"}, instance)'))
    country = 'label_values(shirase_tags_total{kind="attacker_country"}, value)'
    made = made.with_variable(_variable("country", "Attacker country", country))
    identifier = 0
    for row in rows:
        made = made.with_row(dashboard.Row(row.title).id(1_000 + identifier))
        for panel in row.panels:
            identifier += 1
            made = made.with_panel(panel.id(identifier))
    return made.build()


def runbook_board() -> models.Dashboard:
    """deploy/runbook.md, a panel for each section, for the panels of the others to link to."""
    made = _empty("shirase-runbook", "Shirase: runbook", "What each alert means, what to look at, what to do.")
    for identifier, section in enumerate(sections(), start=1):
        panel = text.Panel().title(section.title).mode(TextMode.MARKDOWN).content(section.text)
        made = made.with_panel(panel.id(identifier).span(12).height(10))
    return made.build()


def _empty(uid: str, title: str, description: str) -> dashboard.Dashboard:
    links = dashboard.DashboardLink("Shirase").type(models.DashboardLinkType.DASHBOARDS).tags([_TAG])
    made = dashboard.Dashboard(title).uid(uid).description(description).tags([_TAG]).readonly().timezone("browser")
    return made.tooltip(models.DashboardCursorSync.CROSSHAIR).link(links.keep_time(True).as_dropdown(False))


def _variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    made = dashboard.QueryVariable(name).label(label).query({"query": query, "refId": name}).datasource(ABOUT)
    made = made.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)
    everything = models.VariableOption(selected=True, text="All", value="$__all")
    return made.multi(True).include_all(True).all_value(".*").current(everything)
