"""Prometheus' configuration, rules and their cases, judged by Prometheus' own tools."""

from __future__ import annotations

import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.runbook import sections
from tests.support.requirement import require
from workers.telemetry import METRICS

FOLDER = Path(__file__).resolve().parents[3] / "deploy/prometheus"
CONFIG = FOLDER / "prometheus.yml"
ALERTS = FOLDER / "rules/alerts.yml"
CASES = FOLDER / "tests/alerts.yml"


def rules(name: str) -> list[dict[str, Any]]:
    """The rules of a file, alerts or recordings."""
    groups = yaml.safe_load((FOLDER / "rules" / name).read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    require(None if found else "promtool is not installed (Debian package prometheus)")
    assert found is not None
    return found


def run(promtool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    call = [promtool, *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, timeout=120, check=False)


def test_the_configuration_and_its_rules_are_valid(promtool: str) -> None:
    done = run(promtool, "check", "config", CONFIG)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("rules found") == 2, done.stdout


def test_the_checker_notices_a_mistake(promtool: str, tmp_path: Path) -> None:
    broken = tmp_path / "prometheus.yml"
    broken.write_text(CONFIG.read_text(encoding="utf-8").replace("scrape_interval", "scrape_intervall"), "utf-8")
    assert run(promtool, "check", "config", broken).returncode != 0


def test_every_case_of_the_alerts_holds(promtool: str) -> None:
    done = run(promtool, "test", "rules", CASES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_cases_notice_a_rule_that_changed(promtool: str, tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "rules", tmp_path / "rules")
    alerts = tmp_path / "rules/alerts.yml"
    text = alerts.read_text(encoding="utf-8")
    assert text.count("> 300") == 1
    alerts.write_text(text.replace("> 300", "> 3000"), encoding="utf-8")
    cases = yaml.safe_load(CASES.read_text(encoding="utf-8"))
    cases["tests"] = [case for case in cases["tests"] if "alerter is behind" in case.get("name", "")]
    assert len(cases["tests"]) == 1
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/alerts.yml").write_text(yaml.safe_dump(cases), encoding="utf-8")
    assert run(promtool, "test", "rules", tmp_path / "tests/alerts.yml").returncode != 0


def test_every_alert_has_a_case_where_it_fires_and_one_where_it_does_not() -> None:
    kinds: dict[str, set[bool]] = defaultdict(set)
    for case in yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]:
        for check in case["alert_rule_test"]:
            kinds[check["alertname"]].add(bool(check["exp_alerts"]))
    names = [rule["alert"] for rule in rules("alerts.yml")]
    assert len(names) == len(set(names))
    assert {name: kinds[name] for name in names} == {name: {True, False} for name in names}
    assert kinds.keys() == set(names)


def test_every_alert_links_to_its_section_of_the_runbook_and_every_section_has_an_alert() -> None:
    links = [rule["annotations"]["runbook_url"] for rule in rules("alerts.yml")]
    assert sorted(links) == sorted(f"deploy/runbook.md#{section.anchor}" for section in sections())


def test_every_alert_says_how_bad_it_is() -> None:
    for rule in rules("alerts.yml"):
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}, rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]


def test_rules_ask_for_metrics_that_exist() -> None:
    """A misspelt name would be a rule that can never fire."""
    recorded = {rule["record"] for rule in rules("recording.yml")}
    for rule in [*rules("alerts.yml"), *rules("recording.yml")]:
        asked = {word for word in _names(rule["expr"]) if word.startswith("shirase")}
        unknown = asked - recorded - set(_series())
        assert not unknown, (rule, unknown)


def _names(expression: str) -> set[str]:
    cleared = "".join(letter if letter.isalnum() or letter in "_:" else " " for letter in _without_strings(expression))
    return set(cleared.split())


def _without_strings(expression: str) -> str:
    return " ".join(expression.split('"')[::2])


def _series() -> set[str]:
    """Every series' name that the table of metrics promises."""
    found = {f"shirase_{name}" for name in METRICS}
    histograms = [f"shirase_{name}" for name, spec in METRICS.items() if spec.kind == "histogram"]
    return found | {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}
