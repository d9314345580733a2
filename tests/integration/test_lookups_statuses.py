"""From configuration alone to the five answers: a provider over HTTP, the knowledge, and a real cache server between."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.lookup_server import ProviderServer, hang
from tests.support.lookups import RecordingTelemetry, request_for, statuses, wait_for
from workers.adapters.process import SystemClock
from workers.cli.wiring_lookups import build_enricher
from workers.embedded.cache_process import CacheProcess
from workers.enrich import CachedEnricher
from workers.model import Tlp
from workers.settings import Settings, load_settings

CONFIG = Path(__file__).resolve().parents[2] / "config"
ACTOR = SimpleNamespace(
    name="APT1",
    aliases=("Comment Crew",),
    attack_id="G0006",
    country="CN",
    kind="state",
    targets=(),
    sectors=(),
    tools=(),
    refs=(),
)
KNOWLEDGE: Any = SimpleNamespace(actors={"u1": ACTOR}, techniques={})
KNOWN = "CVE-2022-27225"


class MovableClock(SystemClock):
    def __init__(self) -> None:
        self.ahead = 0.0

    def wall(self) -> float:
        return super().wall() + self.ahead


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer().running() as running:
        yield running


def settings_for(folder: Path, server: ProviderServer, cache: CacheProcess) -> Settings:
    """The shipped rows, with the shipped EPSS row switched on and pointed at loopback."""
    shutil.copytree(CONFIG, folder / "config")
    rows = (folder / "config" / "lookups.toml").read_text(encoding="utf-8")
    rows = rows.replace("enabled = false\ninternal = false", "enabled = true\ninternal = true", 1)
    rows = rows.replace("https://api.first.org/data/v1/epss", server.url).replace(
        "deadline_ms = 400", "deadline_ms = 1000"
    )
    (folder / "config" / "lookups.toml").write_text(rows, encoding="utf-8")
    environment = {"SHIRASE_REDIS__URL": cache.url, "SHIRASE_REDIS__TIMEOUT_MS": "1000"}
    return load_settings(folder / "config", None, environment)


def test_the_five_answers(tmp_path: Path, server: ProviderServer, any_redis: CacheProcess) -> None:
    settings, clock, telemetry = settings_for(tmp_path, server, any_redis), MovableClock(), RecordingTelemetry()

    def fresh() -> CachedEnricher:
        built = build_enricher(settings, KNOWLEDGE, telemetry, clock)
        assert isinstance(built, CachedEnricher)
        return built

    first = fresh()
    plain, marked = first.look_up(
        [request_for(KNOWN, "CVE-0000-0000", actors=["u1"]), request_for(KNOWN, actors=["u1"], tlp=Tlp.AMBER)]
    )
    assert statuses(plain) == [(KNOWN, "found"), ("CVE-0000-0000", "not_found"), ("u1", "found")]
    assert plain[0].value == {"epss": 0.00133, "percentile": 0.48333, "date": "2022-03-01"}
    assert statuses(marked) == [(KNOWN, "withheld"), ("u1", "found")]
    first.close()

    clock.ahead = 21_601.0  # past the soft time to live
    server.behaviour = hang
    second = fresh()
    (late,) = second.look_up([request_for(KNOWN, "CVE-1999-0001")])
    assert statuses(late) == [(KNOWN, "stale"), ("CVE-1999-0001", "unavailable")]
    assert late[0].value == plain[0].value
    assert late[0].fetched_at == plain[0].fetched_at
    wait_for(lambda: telemetry.sums["lookup_answers_total", "cve", "unavailable"] == 1)
    server.closing.set()
    second.close()
    seen = {labels[2] for labels in telemetry.sums if labels[:2] == ("lookup_answers_total", "cve")}
    assert seen == {"found", "not_found", "stale", "unavailable", "withheld"}
    assert {labels[1] for labels in telemetry.values if labels[0] == "breaker_state"} == {"redis", "first-epss"}
