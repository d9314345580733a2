"""The worker's own gauges: versions, and the age of the knowledge from its table of releases."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.cli_calls import CONFIG
from tests.unit.tagger.fakes import CountingTelemetry
from workers.cli.wiring_metrics import released_at, show_alerter_zeros, show_versions
from workers.errors import ConfigError
from workers.knowledge import load_knowledge
from workers.settings.alerts import load_alert_settings


def test_the_knowledge_that_we_ship_has_a_date() -> None:
    released = released_at(load_knowledge(CONFIG, None).version, CONFIG)
    assert released is not None, "config/knowledge_release.toml lacks the version of the galaxy that is installed"
    assert datetime(2025, 1, 1, tzinfo=UTC).timestamp() < released < datetime.now(UTC).timestamp()


def test_a_version_that_nobody_dated_has_none(tmp_path: Path) -> None:
    assert released_at("misp-galaxy@999999+overlay@x", CONFIG) is None
    assert released_at("none", CONFIG) is None
    assert released_at("misp-galaxy@336-0123456789ab+overlay@x", CONFIG) is None
    assert released_at("misp-galaxy@336+overlay@x", tmp_path) is None


@pytest.mark.parametrize("text", ['[[release]]\nversion = 1\nreleased = "soon"\n', "[[release\n"])
def test_a_table_that_cannot_be_read_is_refused_by_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "knowledge_release.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"knowledge_release\.toml"):
        released_at("misp-galaxy@1+overlay@x", tmp_path)


def test_the_gauges_are_set_once_with_their_versions() -> None:
    telemetry = CountingTelemetry()
    show_versions(telemetry, "misp-galaxy@336+overlay@x", CONFIG)
    assert telemetry.gauges["knowledge_info", "misp-galaxy@336+overlay@x"] == 1
    assert telemetry.gauges["knowledge_timestamp_seconds",] == datetime(2025, 11, 4, tzinfo=UTC).timestamp()


def test_what_the_alerter_will_count_stands_at_zero_from_its_start() -> None:
    telemetry = CountingTelemetry()
    show_alerter_zeros(telemetry, load_alert_settings(CONFIG), ["soc"])
    assert set(telemetry.counters.values()) == {0}
    for country in ("CN", "KP"):
        for reason in ("new-story", "corroborated", "escalated", "surge"):
            assert ("alerts_total", reason, country) in telemetry.counters
    assert ("alerts_suppressed_total", "quiet-hours") in telemetry.counters
    assert ("webhook_deliveries_total", "soc", "failed") in telemetry.counters
