"""What a worker says of itself once, at its start: its version, its knowledge and how old that is, and what it will count."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from workers import __version__
from workers.errors import ConfigError
from workers.ports import Telemetry

if TYPE_CHECKING:
    from workers.settings.alerts import AlertSettings

__all__ = ["released_at", "show_alerter_zeros", "show_versions"]

_FILE = "knowledge_release.toml"
_DELIVERED = ("delivered", "failed")
_VERSION = re.compile(r"^misp-galaxy@((\d+)(?:-[0-9a-f]+)?)")


def show_versions(telemetry: Telemetry, knowledge: str, config_dir: Path, data_dir: Path | None = None) -> None:
    """Set the gauges of the worker's and the knowledge's version, and of the knowledge's age where that is known.

    Raises ConfigError.
    """
    telemetry.set("build_info", 1, __version__)
    telemetry.set("knowledge_info", 1, knowledge)
    released = released_at(knowledge, config_dir, data_dir)
    if released is not None:
        telemetry.set("knowledge_timestamp_seconds", released)


def show_alerter_zeros(telemetry: Telemetry, alerts: AlertSettings, sinks: Iterable[str]) -> None:
    """Let the alerter's counters stand at zero from the start: Prometheus sees no increase where a series begins at one,
    and the first alert is the one that matters.
    """
    from workers.alerter.suppression import Cause
    from workers.model.alert import Reason

    countries = {country for watch in alerts.watch for country in watch.attacker_country or ()}
    for reason, country in product(get_args(Reason), sorted(countries)):
        telemetry.add("alerts_total", 0, reason, country)
    for cause in get_args(Cause):
        telemetry.add("alerts_suppressed_total", 0, cause)
    for sink, result in product(sinks, _DELIVERED):
        telemetry.add("webhook_deliveries_total", 0, sink, result)


def released_at(knowledge: str, config_dir: Path, data_dir: Path | None = None) -> float | None:
    """When that version was released (seconds since 1970); None where nobody says: config/knowledge_release.toml for
    the galaxy that we ship, `data_dir` for one that `shirase knowledge update` took.

    Raises ConfigError.
    """
    found, file = _VERSION.match(knowledge), config_dir / _FILE
    if found is None:
        return None
    name, version = found.groups()
    if name != version:
        return _released_of(name, data_dir)
    if not file.is_file():
        return None
    for row in _rows(file):
        if row.get("version") == int(version):
            return _seconds(str(file), row.get("released"))
    return None


def _released_of(name: str, data_dir: Path | None) -> float | None:
    from workers.knowledge.store import GalaxyStore

    if data_dir is None:
        return None
    store = GalaxyStore(data_dir)
    released = store.manifest(name).released
    try:
        return _seconds(str(store.folder / name), date.fromisoformat(released))
    except ValueError:
        return _seconds(str(store.folder / name), released)


def _rows(file: Path) -> list[dict[str, object]]:
    try:
        rows = tomllib.loads(file.read_text(encoding="utf-8")).get("release", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(str(file), "(file)", str(error), "a TOML file with [[release]] tables") from error
    return [row for row in rows if isinstance(row, dict)]


def _seconds(file: str, value: object) -> float:
    if not isinstance(value, date):
        raise ConfigError(file, "release.released", str(value), "a date, as in 2025-11-04")
    return datetime.combine(value, time(), UTC).timestamp()
