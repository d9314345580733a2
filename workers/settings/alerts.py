"""`alerts.toml`: the watch list, what makes a story, what is worth an alert and when alerts are held back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import available_timezones

from msgspec import Meta

from workers.errors import ConfigError
from workers.settings.bounds import Name, NotNegativeInt, PositiveInt, Share
from workers.settings.load import convert_values, read_toml

__all__ = [
    "AlertSettings",
    "OwnerSettings",
    "QuietSettings",
    "RateSettings",
    "SeverityName",
    "SeveritySettings",
    "StorySettings",
    "SurgeSettings",
    "WatchSettings",
    "load_alert_settings",
]

Country: TypeAlias = Annotated[str, Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
Words: TypeAlias = Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(min_length=1)]
Countries: TypeAlias = Annotated[list[Country], Meta(min_length=1)]
Hours: TypeAlias = Annotated[float, Meta(gt=0)]
Days: TypeAlias = Annotated[float, Meta(gt=0)]
SeverityName: TypeAlias = Literal["low", "medium", "high", "critical"]


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchSettings:
    """`[[watch]]`: one row of the watch list. All its conditions must hold, each is "any of these"."""

    name: Name
    attacker_country: Countries | None = None
    actor: Words | None = None
    target_country: Countries | None = None
    sector: Words | None = None
    source: Words | None = None
    route: Words | None = None
    minimum_score: Share | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StorySettings:
    """`[story]`: which reports are about one event, and for how long."""

    window_h: Hours
    longest_h: Hours
    tags_window_h: Hours
    copy_similarity: Share
    kin_similarity: Share
    tags_weight: Annotated[float, Meta(gt=0)]
    fresh_h: Hours
    minimum_score: Share
    most_open: PositiveInt


@dataclass(frozen=True, kw_only=True, slots=True)
class SeveritySettings:
    """`[[severity]]`: the first row whose conditions all hold gives the severity; the last row has none."""

    level: SeverityName
    reason: Annotated[list[Literal["new-story", "corroborated", "escalated", "surge"]], Meta(min_length=1)] | None = (
        None
    )
    watch: Words | None = None
    attacker_country: Countries | None = None
    actor: Words | None = None
    target_country: Countries | None = None
    sector: Words | None = None
    objective: Words | None = None
    stance: Annotated[list[Literal["asserted", "suspected"]], Meta(min_length=1)] | None = None
    minimum_score: Share | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class QuietSettings:
    """`[quiet_hours]`: from `start` to `end` on `days` only alerts of `severity` and above are raised."""

    enabled: bool
    time_zone: str
    start: time
    end: time
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]
    severity: SeverityName


@dataclass(frozen=True, kw_only=True, slots=True)
class RateSettings:
    """`[rate]`: how many alerts there may be, per story and per watch row."""

    story_gap_h: Annotated[float, Meta(ge=0)]
    per_hour: PositiveInt
    per_day: PositiveInt


@dataclass(frozen=True, kw_only=True, slots=True)
class SurgeSettings:
    """`[surge]`: when an attacker country or a sector is far above its own recent rate."""

    enabled: bool
    attacker_country: list[Country]
    sector: list[str]
    window_h: Annotated[int, Meta(ge=1, le=24)]
    history_days: Annotated[int, Meta(ge=1, le=28)]
    learning_h: NotNegativeInt
    minimum_count: PositiveInt
    chance: Annotated[float, Meta(gt=0, lt=1)]
    ratio: Annotated[float, Meta(ge=1)]
    quiet_h: Hours


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnerSettings:
    """`[[owner]]`: outlets that belong to one house, by source name or domain; they do not confirm one another."""

    name: Annotated[str, Meta(min_length=1)]
    sources: list[str]
    domains: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertSettings:
    """Everything in `alerts.toml`, checked."""

    story: StorySettings
    quiet_hours: QuietSettings
    rate: RateSettings
    surge: SurgeSettings
    watch: tuple[WatchSettings, ...]
    severity: tuple[SeveritySettings, ...]
    owner: tuple[OwnerSettings, ...]


_SECTIONS: dict[str, type] = {
    "story": StorySettings,
    "quiet_hours": QuietSettings,
    "rate": RateSettings,
    "surge": SurgeSettings,
}
_TABLES: dict[str, type] = {"watch": WatchSettings, "severity": SeveritySettings, "owner": OwnerSettings}
_NOT_CONDITIONS = {"name", "level", "minimum_score"}


def load_alert_settings(config_dir: Path) -> AlertSettings:
    """The settings of `config_dir`/alerts.toml.

    Raises ConfigError.
    """
    path = config_dir / "alerts.toml"
    file, raw = str(path), read_toml(path)
    for key, value in raw.items():
        if key not in _SECTIONS and key not in _TABLES:
            raise ConfigError(file, key, value, f"one of {', '.join(sorted([*_SECTIONS, *_TABLES]))}")
    parts: dict[str, Any] = {name: _section(raw, name, file, config_dir) for name in _SECTIONS}
    parts |= {name: _rows(raw, name, file, config_dir) for name in _TABLES}
    settings = AlertSettings(**parts)
    for fault in _faults(settings):
        raise ConfigError(file, *fault)
    return settings


def _section(raw: dict[str, Any], name: str, file: str, base: Path) -> Any:
    values = raw.get(name, {})
    if not isinstance(values, dict):
        raise ConfigError(file, name, values, f"a section: [{name}]")
    return convert_values(values, _SECTIONS[name], file, name, {}, base)


def _rows(raw: dict[str, Any], name: str, file: str, base: Path) -> tuple[Any, ...]:
    rows = raw.get(name, [])
    if not isinstance(rows, list):
        raise ConfigError(file, name, rows, f"rows [[{name}]]")
    return tuple(convert_values(row, _TABLES[name], file, f"{name}[{at}]", {}, base) for at, row in enumerate(rows))


def _faults(settings: AlertSettings) -> list[tuple[str, object, str]]:
    return [
        *_story(settings.story),
        *_watch(settings.watch),
        *_severity(settings.severity),
        *_quiet(settings.quiet_hours),
    ]


def _story(story: StorySettings) -> list[tuple[str, object, str]]:
    found: list[tuple[str, object, str]] = []
    if story.longest_h < story.window_h:
        found.append(("story.longest_h", story.longest_h, "at least window_h"))
    if story.tags_window_h > story.window_h:
        found.append(("story.tags_window_h", story.tags_window_h, "at most window_h"))
    if story.kin_similarity > story.copy_similarity:
        found.append(("story.kin_similarity", story.kin_similarity, "at most copy_similarity"))
    return found


def _watch(rows: tuple[WatchSettings, ...]) -> list[tuple[str, object, str]]:
    found: list[tuple[str, object, str]] = []
    if not rows:
        found.append(("watch", [], "at least one row [[watch]]"))
    for at, row in enumerate(rows):
        if not _conditions(row):
            found.append((f"watch[{at}]", row.name, "at least one condition beside name and minimum_score"))
        if any(other.name == row.name for other in rows[:at]):
            found.append((f"watch[{at}].name", row.name, "a name that no other row has"))
    return found


def _severity(rows: tuple[SeveritySettings, ...]) -> list[tuple[str, object, str]]:
    if not rows or _conditions(rows[-1]) or rows[-1].minimum_score is not None:
        return [
            ("severity", len(rows), "a last row [[severity]] without conditions, for all that no other row catches")
        ]
    return []


def _quiet(quiet: QuietSettings) -> list[tuple[str, object, str]]:
    found: list[tuple[str, object, str]] = []
    if quiet.time_zone not in available_timezones():
        found.append(("quiet_hours.time_zone", quiet.time_zone, "an IANA time zone such as Asia/Tokyo"))
    if quiet.enabled and quiet.start == quiet.end:
        found.append(("quiet_hours.end", str(quiet.end), "another time than start"))
    return found


def _conditions(row: WatchSettings | SeveritySettings) -> list[str]:
    return [key for key in row.__slots__ if key not in _NOT_CONDITIONS and getattr(row, key) is not None]
