"""What there is to prove: every query of every panel, every rule, and the series that each rule selects. Reads our files."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import yaml

from deploy.grafana.build import FOLDER
from deploy.proof import DEPLOY

__all__ = ["Board", "Panel", "Rule", "boards", "rules", "selectors"]

_IN_RATES = "15s"
_WORDS = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?:\s*\{[^{}]*\})?(?!\s*[(a-zA-Z0-9_:])")
_NO_SERIES = re.compile(
    r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)|\[[0-9a-z:]+\]|\b[0-9][0-9.]*\b"
)
_KEYWORDS = {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring"}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel with its queries, ready to be asked: variables are replaced. `now`: at one moment, not over a range."""

    title: str
    kind: str
    unit: str
    decimals: int | None
    now: bool
    at: dict[str, int]
    steps: tuple[tuple[float | None, str], ...]
    names: dict[str, tuple[str, str]]
    queries: tuple[tuple[str, str], ...]
    """Each query with its legend."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """A dashboard: its rows' headings stand among the panels, with no queries."""

    uid: str
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """An alert or a recording rule."""

    name: str
    is_alert: bool
    expression: str


def boards(range_s: int) -> list[Board]:
    """The dashboards that ask for anything, over a range of `range_s`."""
    found = []
    for file in sorted(FOLDER.glob("*.json")):
        plain = json.loads(file.read_text(encoding="utf-8"))
        panels = tuple(_panel(one, range_s) for one in plain["panels"])
        if any(panel.queries for panel in panels):
            found.append(Board(uid=plain["uid"], title=plain["title"], panels=panels))
    return found


def _panel(plain: dict[str, Any], range_s: int) -> Panel:
    defaults = plain.get("fieldConfig", {}).get("defaults", {})
    targets = plain.get("targets", [])
    steps = defaults.get("thresholds", {}).get("steps", [])
    return Panel(
        title=plain["title"],
        kind=plain["type"],
        unit=defaults.get("unit", "short"),
        decimals=defaults.get("decimals"),
        now=all(target.get("instant", False) for target in targets),
        at=plain["gridPos"],
        steps=tuple((step.get("value"), step["color"]) for step in steps),
        names={
            value: (result["text"], result["color"])
            for mapping in defaults.get("mappings", [])
            for value, result in mapping["options"].items()
        },
        queries=tuple((_filled(target["expr"], range_s), target["legendFormat"]) for target in targets),
    )


def _filled(expression: str, range_s: int) -> str:
    """The query with every variable at its default, which is everything."""
    filled = expression.replace("$__range", f"{range_s}s").replace("$__rate_interval", _IN_RATES)
    return re.sub(r"\$(?:job|instance|country)\b", ".*", filled)


def rules() -> list[Rule]:
    """Every rule of deploy/prometheus/rules."""
    found = []
    for file in sorted((DEPLOY / "prometheus/rules").glob("*.yml")):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            found += [
                Rule(
                    name=rule.get("alert") or rule["record"], is_alert="alert" in rule, expression=rule["expr"].strip()
                )
                for rule in group["rules"]
            ]
    return found


def selectors(expression: str) -> list[str]:
    """The series that an expression selects: names with their matchers, without functions, ranges and grouping.

    Good for the expressions that we write, which a test holds it to; no parser of PromQL.
    """
    found = [" ".join(word.split()) for word in _WORDS.findall(_bare(expression))]
    return list(dict.fromkeys(word for word in found if word not in _KEYWORDS))


def _bare(expression: str) -> str:
    """Without grouping, ranges and numbers; what stands in quotes is left as it is."""
    parts = re.split(r'("[^"]*")', expression)
    return "".join(part if part.startswith('"') else _NO_SERIES.sub(" ", part) for part in parts)
