"""`alerts.toml`: the shipped file is right, and a wrong one is told with file, key, value and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli_calls import CONFIG, Program
from workers.errors import ConfigError
from workers.settings.alerts import load_alert_settings

SHIPPED = (CONFIG / "alerts.toml").read_text(encoding="utf-8")


def refused(tmp_path: Path, text: str) -> ConfigError:
    (tmp_path / "alerts.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_alert_settings(tmp_path)
    assert caught.value.where == str(tmp_path / "alerts.toml")
    return caught.value


def test_china_and_north_korea_are_watched_by_default() -> None:
    settings = load_alert_settings(CONFIG)
    assert [row.attacker_country for row in settings.watch] == [["CN"], ["KP"]]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("minimum_score = 0.6", "minimum_score = 1.6", "story.minimum_score"),
        ("window_h = 336", "window_h = 0", "story.window_h"),
        ("longest_h = 720", "longest_h = 24", "story.longest_h"),
        ("tags_window_h = 72", "tags_window_h = 999", "story.tags_window_h"),
        ("kin_similarity = 0.2", "kin_similarity = 0.9", "story.kin_similarity"),
        ("fresh_h = 96\n", "", "story.fresh_h"),
        ("fresh_h = 96", "fresh_hours = 96", "story.fresh_hours"),
        ('level = "high"', 'level = "bad"', "severity[1].level"),
        ('time_zone = "Asia/Tokyo"', 'time_zone = "Tokyo"', "quiet_hours.time_zone"),
        ("enabled = false", 'enabled = true\nstart = "07:00:00"', "(file)"),
        ('attacker_country = ["CN"]', 'attacker_country = ["China"]', "watch[0].attacker_country"),
        ('attacker_country = ["CN"]', "", "watch[0]"),
        ('name = "kp"', 'name = "cn"', "watch[1].name"),
        ("chance = 1e-6", "chance = 0", "surge.chance"),
        ("per_hour = 60", "per_hour = 0", "rate.per_hour"),
        ("[rate]", "[rates]", "rates"),
        ('[[severity]]\nlevel = "medium"\n', "", "severity"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert old in SHIPPED
    assert refused(tmp_path, SHIPPED.replace(old, new, 1)).key == key


def test_quiet_hours_have_a_length(tmp_path: Path) -> None:
    text = SHIPPED.replace("enabled = false", "enabled = true", 1).replace('end = "07:00:00"', 'end = "22:00:00"')
    assert refused(tmp_path, text).key == "quiet_hours.end"


def test_somebody_must_be_watched(tmp_path: Path) -> None:
    assert refused(tmp_path, SHIPPED.replace("[[watch]]", "[[owner]]\n[[watch]]", 1)).key.startswith("owner[0]")
    head, _, tail = SHIPPED.partition("[[watch]]")
    assert refused(tmp_path, head + tail[tail.index("[story]") :]).key == "watch"


@pytest.mark.parametrize("text", ["watch = 1", "story = 1"])
def test_tables_and_sections_are_what_they_are(tmp_path: Path, text: str) -> None:
    refused(tmp_path, text)


def test_config_check_looks_at_it(tmp_path: Path) -> None:
    for file in CONFIG.glob("*.toml"):
        (tmp_path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "alerts.toml").write_text(SHIPPED.replace("per_day = 400", "per_day = -1"), encoding="utf-8")
    done = Program()("--config-dir", tmp_path, "config", "check", code=78)
    for part in ("alerts.toml", "rate.per_day", "-1", "expected"):
        assert part in done.err
