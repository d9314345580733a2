"""The proof itself: that it asks everything, and says no where an answer is empty, in error, or a rule selects nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.grafana.build import FOLDER
from deploy.proof.__main__ import is_proven
from deploy.proof.asking import Moment, ask_panels, ask_rules
from deploy.proof.drawing import write_pages
from deploy.proof.queries import Rule, boards, rules, selectors
from deploy.proof.server import Prometheus, Series

MOMENT = Moment(1_000.0, 1_060.0)


class FakePrometheus(Prometheus):
    """Has one series for every expression but those that are named, which are empty or wrong."""

    def __init__(self, *, empty: str | None = None, wrong: str | None = None) -> None:
        super().__init__("http://nowhere.invalid")
        self.empty, self.wrong = empty, wrong
        self.asked: list[str] = []

    def at(self, expression: str, moment: float) -> list[Series]:
        return self._answer(expression, moment)

    def over(self, expression: str, start: float, end: float) -> list[Series]:
        return self._answer(expression, start, end)

    def rules(self) -> dict[str, dict[str, object]]:
        health: dict[bool, dict[str, object]] = {
            True: {"health": "err", "lastError": "bad"},
            False: {"health": "ok", "state": "inactive"},
        }
        return {rule.name: health[rule.name == self.wrong] for rule in rules()}

    def _answer(self, expression: str, *moments: float) -> list[Series]:
        self.asked.append(expression)
        if expression == self.wrong:
            raise ValueError("bad_data: parse error")
        if self.empty is not None and self.empty in expression:
            return []
        labels = {"le": "0.5", "source": "CSIS", "value": "CN"}
        return [Series(labels, [(moment, float(number)) for number, moment in enumerate(moments)])]


def prove(prometheus: FakePrometheus) -> bool:
    asked = boards(60)
    return is_proven(ask_panels(prometheus, asked, MOMENT), ask_rules(prometheus, rules(), MOMENT))


def test_it_asks_every_query_of_every_panel_with_its_variables_filled() -> None:
    prometheus = FakePrometheus()
    assert prove(prometheus)
    raw = [json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")]
    targets = [target["expr"] for board in raw for panel in board["panels"] for target in panel.get("targets", [])]
    answers = ask_panels(prometheus, boards(60), MOMENT)
    assert len(answers) == len(targets) > 50
    assert not [expression for expression in prometheus.asked if "$" in expression]


@pytest.mark.parametrize(
    "prometheus",
    [
        FakePrometheus(empty="shirase_stories_open"),
        FakePrometheus(empty="shirase_webhook_deliveries_total{"),
        FakePrometheus(empty="shirase:attacker_items:usual1h"),
        FakePrometheus(wrong="sum(shirase_stories_open)"),
        FakePrometheus(wrong="ShiraseNoProgress"),
    ],
    ids=["empty panel", "rule without its series", "recording without a result", "wrong query", "rule in error"],
)
def test_it_says_no(prometheus: FakePrometheus) -> None:
    assert not prove(prometheus)


def test_nothing_asked_is_nothing_proven() -> None:
    assert not is_proven([], [])


def test_a_panels_own_zero_is_told_apart_from_a_count() -> None:
    prometheus = FakePrometheus(empty="vectorless")
    answers = {answer.panel.title: answer for answer in ask_panels(prometheus, boards(60), MOMENT)}
    assert not answers["Webhook deliveries"].is_zero
    prometheus = FakePrometheus()
    with_zero = prometheus._answer

    def only_zero(expression: str, *moments: float) -> list[Series]:
        return with_zero(expression, *moments) if "vector(0)" in expression else []

    prometheus._answer = only_zero  # type: ignore[method-assign]
    answers = {answer.panel.title: answer for answer in ask_panels(prometheus, boards(60), MOMENT)}
    assert answers["Webhook deliveries"].is_zero
    assert answers["Memory"].trouble == "no data"


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ('up{job=~"shirase-.+"} == 0', ['up{job=~"shirase-.+"}']),
        ("time() - min(a_seconds) > 180 * 86400", ["a_seconds"]),
        ('sum by (source) (changes(a{x="by (b)"}[2d])) >= 24 and on (job) b:c:d', ['a{x="by (b)"}', "b:c:d"]),
        ("min_over_time((abs(a) + b)[1m:10s]) or 0 * c", ["a", "b", "c"]),
    ],
)
def test_selectors_are_found_in_the_expressions_that_we_write(expression: str, found: list[str]) -> None:
    assert selectors(expression) == found


def test_every_rule_selects_something() -> None:
    for rule in rules():
        assert selectors(rule.expression), rule.name
    assert isinstance(rules()[0], Rule)


def test_pages_show_data_and_name_what_is_missing(tmp_path: Path) -> None:
    asked = boards(60)
    answers = ask_panels(FakePrometheus(empty="shirase_stories_open"), asked, MOMENT)
    pages: Mapping[Path, int] = write_pages(tmp_path, asked, answers, MOMENT)
    text = {path.stem: path.read_text(encoding="utf-8") for path in pages}
    assert text["shirase-threat-picture"].count("no data") == 1
    assert "no data" not in text["shirase-lookups"]
    for board in asked:
        for panel in board.panels:
            assert f">{panel.title}<" in text[board.uid], panel.title
