"""The dashboards: written by their generator, and complete in what a reader needs to trust a panel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana import build
from deploy.runbook import sections
from tests.unit.deploy.test_prometheus import _names, _series, rules

ROOT = Path(__file__).resolve().parents[3]
OURS = ("threat-picture", "pipeline-health", "lookups")
Board = dict[str, Any]


def load(name: str) -> Board:
    found: Board = json.loads((build.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def panels(board: Board) -> Iterator[Board]:
    yield from (panel for panel in board["panels"] if panel["type"] != "row")


def test_the_files_are_what_the_generator_writes() -> None:
    assert build.differences() == [], "write them with: python -m deploy.grafana.build"
    assert build.main(["--check"]) == 0


def test_a_file_that_was_changed_by_hand_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    assert build.main([]) == 0
    (tmp_path / "lookups.json").write_text("{}", encoding="utf-8")
    (tmp_path / "stray.json").write_text("{}", encoding="utf-8")
    assert build.differences() == ["lookups.json", "stray.json"]
    assert build.main(["--check"]) == 1


@pytest.mark.parametrize("name", OURS)
def test_each_panel_has_description_unit_thresholds_and_a_link_to_the_runbook(name: str) -> None:
    known = {f"panel-{number}" for number in range(1, len(sections()) + 1)}
    for panel in panels(load(name)):
        title = panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["description"], title
        assert defaults["unit"], title
        assert defaults["thresholds"]["steps"], title
        (link,) = panel["links"]
        assert link["url"].startswith("/d/shirase-runbook/"), title
        assert link["url"].partition("viewPanel=")[2] in known, title


@pytest.mark.parametrize("name", OURS)
def test_queries_use_the_variables_that_the_dashboard_has(name: str) -> None:
    board = load(name)
    have = {variable["name"] for variable in board["templating"]["list"]}
    assert have == {"datasource", "job", "instance", "country"}
    assert board["refresh"]
    for panel in panels(board):
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            used = set(re.findall(r"\$(\w+)", target["expr"])) - {"__range", "__rate_interval"}
            assert used <= have, (panel["title"], used)


@pytest.mark.parametrize("name", OURS)
def test_queries_ask_for_metrics_that_exist(name: str) -> None:
    recorded = {rule["record"] for rule in rules("recording.yml")}
    asked = {
        word
        for panel in panels(load(name))
        for target in panel["targets"]
        for word in _names(target["expr"])
        if word.startswith("shirase")
    }
    assert asked - recorded - _series() == set()


@pytest.mark.parametrize("name", OURS)
def test_panels_do_not_overlap_and_stay_on_the_grid(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in load(name)["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


def test_what_the_issue_of_each_dashboard_is_stands_on_it() -> None:
    wanted = {
        "threat-picture": [
            "Items: China",
            "Items: North Korea",
            "Items by target sector",
            "New stories",
            "Newest item",
        ],
        "pipeline-health": [
            "Conservation",
            "Dead letters by code",
            "Transactions",
            "Rebalances",
            "Memory",
            "End to end",
        ],
        "lookups": ["Hit rate", "Answers by status", "Latency by kind", "Breakers", "Budget left"],
    }
    for name, titles in wanted.items():
        assert set(titles) <= {panel["title"] for panel in panels(load(name))}, name


def test_the_runbook_is_a_dashboard_with_a_panel_for_each_section() -> None:
    assert [panel["title"] for panel in load("runbook")["panels"]] == [section.title for section in sections()]


def test_identifiers_are_unique() -> None:
    boards = [load(name) for name in (*OURS, "runbook")]
    assert len({board["uid"] for board in boards}) == 4
    for board in boards:
        numbers = [panel["id"] for panel in board["panels"]]
        assert len(numbers) == len(set(numbers))


def test_grafana_is_told_where_they_are() -> None:
    file = ROOT / "deploy/grafana/provisioning/dashboards/shirase.yml"
    (provider,) = yaml.safe_load(file.read_text(encoding="utf-8"))["providers"]
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in services["grafana"]["volumes"]}
    assert mounted[provider["options"]["path"]] == "./deploy/grafana/dashboards"
    assert provider["allowUiUpdates"] is False
