"""A lookup provider that is a table of ours: a TOML file beside `lookups.toml`, read once. No network.

The row says where the entries stand, which member is the key and which members are values. With `key_match = "domain"`
an entry for example.org answers for www.example.org too, unless a nearer entry does.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workers.errors import ConfigError
from workers.ports import ProviderAnswer
from workers.settings import EntryReader, LookupSettings, resolve

__all__ = ["TableProvider"]


class TableProvider:
    """See `workers.ports.LookupProvider`. Answers at once; for several threads."""

    def __init__(self, row: LookupSettings) -> None:
        """Reads the row's file, which must be named. Raises ConfigError where it is no such table."""
        self._name = row.provider
        self._is_domain = row.key_match == "domain"
        self._entries = _entries(row, Path(row.file or ""))

    @property
    def name(self) -> str:
        """See the port."""
        return self._name

    def fetch(self, keys: Sequence[str], timeout_s: float) -> Mapping[str, ProviderAnswer]:  # noqa: ARG002 - the port
        """See the port. What the table lacks is "nothing known"."""
        return {key: ProviderAnswer(value=self._value(key.casefold())) for key in keys}

    def _value(self, key: str) -> dict[str, Any] | None:
        found = self._entries.get(key)
        while found is None and self._is_domain and "." in key:
            key = key.partition(".")[2]
            found = self._entries.get(key)
        return found


def _entries(row: LookupSettings, file: Path) -> dict[str, dict[str, Any]]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(str(file), "(file)", str(file), f"readable TOML: {error}") from error
    rows = resolve(document, row.rows)
    if not isinstance(rows, list):
        raise ConfigError(str(file), row.rows, "…", "a list of entries where the row's `rows` points")
    reader, entries = EntryReader(row), {}
    for at, entry in enumerate(rows):
        key = resolve(entry, row.key or "/key")
        if not isinstance(key, str) or key.casefold() in entries:
            raise ConfigError(str(file), f"{row.rows}/{at}", str(key)[:80], "an entry with a key of its own")
        entries[key.casefold()] = reader.value(entry)
    return entries
