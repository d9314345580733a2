"""The demo's stories are dated from now, and its rules are the shipped ones but for what a surge asks of history."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.support.cli_calls import CONFIG
from workers.cli.demo_alerts import STORIES, date_items, quick_rules, write_dated_items
from workers.errors import ConfigError
from workers.model import RawItem
from workers.settings.alerts import load_alert_settings

NOW = datetime(2026, 11, 25, 0, 30, tzinfo=UTC)


def test_items_are_dated_from_now() -> None:
    assert date_items("{ago 45m} and {ago 0m}", NOW) == "2026-11-24T23:45:00Z and 2026-11-25T00:30:00Z"


def test_every_story_is_young(tmp_path: Path) -> None:
    target = write_dated_items(CONFIG / "demo" / STORIES, tmp_path / STORIES)
    items = [msgspec.json.decode(line, type=RawItem) for line in target.read_text(encoding="utf-8").splitlines()]
    now = datetime.now(UTC)
    ages = [(now - datetime.fromisoformat(item.published_at or "")).total_seconds() / 3600 for item in items]
    assert all(0 < age < 4 for age in ages)
    outlets = {item.source.name for item in items if item.source and (item.id or "").startswith("demo-a")}
    assert len(outlets) == 5


def test_the_rules_differ_in_the_surge_alone(tmp_path: Path) -> None:
    shutil.copy(CONFIG / "alerts.toml", tmp_path)
    quick_rules(tmp_path / "alerts.toml")
    quick, shipped = load_alert_settings(tmp_path), load_alert_settings(CONFIG)
    changed = {name for name in type(shipped).__slots__ if getattr(quick, name) != getattr(shipped, name)}
    assert changed == {"surge"}
    assert quick.surge.learning_h == 0


def test_rules_of_another_shape_are_refused(tmp_path: Path) -> None:
    (tmp_path / "alerts.toml").write_text("[surge]\n")
    with pytest.raises(ConfigError, match="surge"):
        quick_rules(tmp_path / "alerts.toml")
