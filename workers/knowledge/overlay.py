"""Reads the overlay's TOML files and checks their shape. The only file of this package that opens files of `config/`."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from workers.errors import ConfigError

__all__ = ["FILES", "RULE_FILES", "Overlay", "read_overlay", "rows", "strings", "table"]

FILES = (
    "actors",
    "countries",
    "cues_en",
    "cues_ja",
    "guards",
    "indicators",
    "malware",
    "objectives",
    "organs",
    "places",
    "roles_en",
    "roles_ja",
    "sectors",
    "summary",
    "techniques",
)
RULE_FILES = ("cues_en", "cues_ja", "guards", "roles_en", "roles_ja", "summary")


class Overlay:
    """The parsed files by name, and the hashes of their bytes."""

    def __init__(self, files: Mapping[str, Mapping[str, Any]], digests: Mapping[str, bytes]) -> None:
        self._files = files
        self._digests = digests

    def file(self, name: str) -> Mapping[str, Any]:
        """The content of `<name>.toml`."""
        return self._files[name]

    def digest(self, names: Iterable[str] = FILES) -> str:
        """The first 12 hexadecimal digits of a SHA-256 over the named files."""
        total = hashlib.sha256()
        for name in sorted(names):
            total.update(name.encode() + b"\0" + self._digests[name])
        return total.hexdigest()[:12]


def read_overlay(folder: Path) -> Overlay:
    """Every file of the overlay. Raises ConfigError where one is missing or is no TOML, or names no source."""
    contents: dict[str, Mapping[str, Any]] = {}
    digests: dict[str, bytes] = {}
    for name in FILES:
        path = folder / f"{name}.toml"
        try:
            raw = path.read_bytes()
            parsed = tomllib.loads(raw.decode("utf-8"))
        except OSError as problem:
            raise ConfigError(str(path), name, problem.strerror, "a readable file") from problem
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
            raise ConfigError(str(path), name, str(problem), "valid TOML in UTF-8") from problem
        contents[name] = parsed
        digests[name] = hashlib.sha256(raw).digest()
    return Overlay(contents, digests)


def table(where: str, value: object) -> Mapping[str, Any]:
    """`value` as a table. Raises ConfigError."""
    if not isinstance(value, dict):
        raise ConfigError("config/knowledge", where, value, "a table")
    return value


def rows(where: str, value: object) -> list[Mapping[str, Any]]:
    """`value` as an array of tables. Raises ConfigError."""
    if not isinstance(value, list):
        raise ConfigError("config/knowledge", where, value, "an array of tables")
    return [table(f"{where}[{index}]", row) for index, row in enumerate(value)]


def strings(where: str, value: object) -> tuple[str, ...]:
    """`value` as strings. Raises ConfigError."""
    if not isinstance(value, list) or not all(isinstance(entry, str) and entry for entry in value):
        raise ConfigError("config/knowledge", where, value, "a list of non-empty strings")
    return tuple(value)
