"""Asks everything and says what came: each query of each panel, each rule, each series that a rule selects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deploy.proof.queries import Board, Panel, Rule, selectors
from deploy.proof.server import Prometheus, Series

__all__ = ["Answer", "Finding", "Moment", "ask_panels", "ask_rules"]

_FALLBACK = re.compile(r"\s+or\s+(?:on\s*\(\)\s*)?vector\(0\)")
_GOOD = "ok"


@dataclass(frozen=True)
class Moment:
    """The range that is asked for (seconds since 1970)."""

    start: float
    end: float

    @property
    def range(self) -> tuple[float, float]:
        """Both ends."""
        return self.start, self.end


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a query of a panel brought. `is_zero`: nothing was counted, and the panel's own zero is the answer."""

    board: Board
    panel: Panel
    expression: str
    legend: str
    series: Sequence[Series]
    trouble: str
    is_zero: bool


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What Prometheus says of a rule. `missing`: series that it selects and that nobody has."""

    rule: Rule
    state: str
    trouble: str
    missing: Sequence[str]


def ask_panels(prometheus: Prometheus, boards: Sequence[Board], moment: Moment) -> list[Answer]:
    """Every query of every panel, in order."""
    return [
        _ask(prometheus, moment, board, panel, query)
        for board in boards
        for panel in board.panels
        for query in panel.queries
    ]


def _ask(prometheus: Prometheus, moment: Moment, board: Board, panel: Panel, query: tuple[str, str]) -> Answer:
    expression, legend = query
    series, trouble = _series(prometheus, expression, moment, now=panel.now)
    counted = _FALLBACK.sub("", expression)
    own = series if counted == expression else _series(prometheus, counted, moment, now=panel.now)[0]
    return Answer(
        board=board,
        panel=panel,
        expression=expression,
        legend=legend,
        series=series,
        trouble=trouble or ("" if series else "no data"),
        is_zero=bool(series) and not own,
    )


def _series(prometheus: Prometheus, expression: str, moment: Moment, *, now: bool) -> tuple[list[Series], str]:
    try:
        found = prometheus.at(expression, moment.end) if now else prometheus.over(expression, *moment.range)
    except ValueError as error:
        return [], str(error)
    return [one for one in found if one.points], ""


def ask_rules(prometheus: Prometheus, rules: Sequence[Rule], moment: Moment) -> list[Finding]:
    """Every rule, in order: whether it was evaluated without an error, and whether what it selects is there."""
    known = prometheus.rules()
    return [_finding(prometheus, rule, known.get(rule.name, {}), moment) for rule in rules]


def _finding(prometheus: Prometheus, rule: Rule, known: dict[str, object], moment: Moment) -> Finding:
    health = str(known.get("health", "unknown"))
    trouble = "" if health == _GOOD else f"{health} {known.get('lastError', '')}".strip()
    return Finding(
        rule=rule,
        state=str(known.get("state", "")),
        trouble=trouble,
        missing=list(_missing(prometheus, rule, moment)),
    )


def _missing(prometheus: Prometheus, rule: Rule, moment: Moment) -> Iterator[str]:
    """Selected series without a sample, and, for a recording rule, its own."""
    wanted = selectors(rule.expression) + ([] if rule.is_alert else [rule.name])
    for selector in wanted:
        if not _series(prometheus, f"count({selector})", moment, now=False)[0]:
            yield selector
