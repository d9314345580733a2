"""Reads the settings: `shirase.toml`, an optional file over it, the environment over both, and the tables beside it.

Every fault is a ConfigError that names file (or environment variable), key, value and what was expected.
Reads files only when called, and the environment only as it is handed in.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from workers.errors import ConfigError
from workers.settings import schema
from workers.settings.checks import check_settings

__all__ = ["ENVIRONMENT_PREFIX", "convert_values", "load_settings", "read_secret", "read_toml"]

ENVIRONMENT_PREFIX = "SHIRASE_"
_NOT_SETTINGS = {"SHIRASE_CONFIG", "SHIRASE_CONFIG_DIR"}
_SECTIONS: dict[str, type] = {
    name: kind
    for name, kind in get_type_hints(schema.Settings).items()
    if name not in {"config_dir", "topics", "routes", "feeds", "lookups"}
}
_TABLES: dict[str, tuple[str, type]] = {
    "topics": ("topic", schema.TopicSettings),
    "routes": ("route", schema.RouteSettings),
    "feeds": ("feed", schema.FieldMapSettings),
    "lookups": ("lookup", schema.LookupSettings),
}
_T = TypeVar("_T")


def load_settings(config_dir: Path, over: Path | None, environment: Mapping[str, str]) -> schema.Settings:
    """The settings of `config_dir`, with `over` (a TOML file) and the environment laid over them.

    Raises ConfigError.
    """
    base = config_dir / "shirase.toml"
    origin: dict[str, str] = {}
    raw = _sections(base, origin)
    if over is not None:
        for section, values in _sections(over, origin).items():
            raw.setdefault(section, {}).update(values)
    _lay_environment(raw, origin, environment)
    parts: dict[str, Any] = {
        name: convert_values(raw.get(name, {}), kind, origin.get(name, str(base)), name, origin, config_dir)
        for name, kind in _SECTIONS.items()
    }
    for name, (singular, kind) in _TABLES.items():
        parts[name] = read_table(config_dir / f"{name}.toml", singular, kind, config_dir)
    settings = schema.Settings(config_dir=config_dir, **parts)
    check_settings(settings, str(base))
    return settings


def read_secret(path: Path, key: str) -> str:
    """The first line of a secret's file. The secret itself never stands in an error.

    Raises ConfigError.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), key, str(path), f"a readable text file ({type(error).__name__})") from error
    if not lines or not lines[0].strip():
        raise ConfigError(str(path), key, str(path), "a file whose first line is the secret")
    return lines[0].strip()


def read_toml(path: Path) -> dict[str, Any]:
    """The document in `path`.

    Raises ConfigError.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(str(path), "(file)", str(path), "a TOML file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(str(path), "(file)", str(path), f"readable TOML: {error}") from error


def _sections(path: Path, origin: dict[str, str]) -> dict[str, dict[str, Any]]:
    raw = read_toml(path)
    for section, values in raw.items():
        if section not in _SECTIONS:
            raise ConfigError(str(path), section, "…", _one_of(section, _SECTIONS))
        if not isinstance(values, dict):
            raise ConfigError(str(path), section, values, f"a section: [{section}]")
        origin.setdefault(section, str(path))
        origin.update({f"{section}.{key}": str(path) for key in values})
    return raw


def _one_of(word: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"one of {', '.join(sorted(known))}{hint}"


def _lay_environment(raw: dict[str, dict[str, Any]], origin: dict[str, str], environment: Mapping[str, str]) -> None:
    for variable in sorted(environment):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in _NOT_SETTINGS:
            continue
        section, _, key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        hints = get_type_hints(_SECTIONS[section], include_extras=True) if section in _SECTIONS else {}
        if key not in hints:
            known = hints or {f"{s}__…": s for s in _SECTIONS}
            raise ConfigError("environment", variable, environment[variable], _one_of(key or section, known))
        raw.setdefault(section, {})[key] = _from_text(variable, environment[variable], hints[key])
        origin[f"{section}.{key}"] = f"environment variable {variable}"


def _from_text(variable: str, text: str, kind: Any) -> Any:
    value: Any = text
    if text.startswith(("[", "{")):
        try:
            value = json.loads(text)
        except ValueError as error:
            raise ConfigError("environment", variable, text, f"JSON: {error}") from error
    try:
        return msgspec.to_builtins(msgspec.convert(value, kind, strict=False, dec_hook=_path), enc_hook=str)
    except msgspec.ValidationError as error:
        raise ConfigError("environment", variable, text, _expectation(error, kind)) from error


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError("Expected a path (a non-empty string)")


def _expectation(error: msgspec.ValidationError, kind: Any) -> str:
    text = str(error).partition(" - at `")[0]
    if text.startswith("Invalid enum value"):
        return f"one of {', '.join(_choices(kind))}"
    return text.removeprefix("Expected ")


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    return [choice for part in get_args(kind) for choice in _choices(part)]


def convert_values(
    values: dict[str, Any], kind: type[_T], file: str, section: str, origin: Mapping[str, str], base: Path
) -> _T:
    """`values` as the dataclass `kind`. `origin` says of single keys where else than in `file` they were set; paths are under `base`.

    Raises ConfigError.
    """
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for key, value in values.items():
        if key not in known:
            raise ConfigError(origin.get(f"{section}.{key}", file), f"{section}.{key}", value, _one_of(key, known))
    for key, field in known.items():
        if key not in values and field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(file, f"{section}.{key}", None, "a value: the key is missing")
    try:
        return msgspec.convert(values, kind, dec_hook=lambda k, v: _anchored(k, v, base))
    except msgspec.ValidationError as error:
        key = _key_of(error)
        where = origin.get(f"{section}.{key}", file)
        hint = get_type_hints(kind, include_extras=True).get(key)
        raise ConfigError(where, f"{section}.{key}", values.get(key), _expectation(error, hint)) from error


def _anchored(kind: type, value: Any, base: Path) -> Any:
    path: Path = _path(kind, value)
    return path if path.is_absolute() else base / path


def _key_of(error: msgspec.ValidationError) -> str:
    found = re.search(r" - at `\$\.([A-Za-z0-9_]+)", str(error))
    return found[1] if found else "?"


def read_table(path: Path, singular: str, kind: type[_T], base: Path) -> tuple[_T, ...]:
    """The rows [[`singular`]] of a file that holds nothing else, each of `kind`; relative paths are those under `base`.

    Raises ConfigError.
    """
    raw = read_toml(path)
    rows = raw.pop(singular, [])
    for key, value in raw.items():
        raise ConfigError(str(path), key, value, f"rows [[{singular}]] only")
    if not isinstance(rows, list):
        raise ConfigError(str(path), singular, rows, f"rows [[{singular}]]")
    return tuple(convert_values(row, kind, str(path), f"{singular}[{at}]", {}, base) for at, row in enumerate(rows))
