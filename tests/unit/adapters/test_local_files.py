"""Providers that are files: a table of ours, a database in MaxMind's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.lookups import lookup_settings
from tests.support.maxmind_file import write_database
from workers.adapters.maxmind import MaxmindProvider
from workers.adapters.table_file import TableProvider
from workers.errors import ConfigError

TABLE = """
[[source]]
domain = "example.org"
letter = "B"
[[source]]
domain = "Bad.Example.org"
letter = "E"
"""


def table(tmp_path: Path, text: str, **changes: Any) -> TableProvider:
    (tmp_path / "t.toml").write_text(text, encoding="utf-8")
    values: dict[str, Any] = {
        "provider": "table",
        "file": tmp_path / "t.toml",
        "rows": "/source",
        "key": "/domain",
        "key_match": "domain",
        "answers": {"letter": "/letter"},
    }
    return TableProvider(lookup_settings(**(values | changes)))


def letters(provider: TableProvider, *keys: str) -> list[object]:
    answers = provider.fetch(keys, 1.0)
    return [None if (value := answers[key].value) is None else value["letter"] for key in keys]


def test_the_nearest_entry_answers(tmp_path: Path) -> None:
    provider = table(tmp_path, TABLE)
    assert provider.name == "table"
    assert letters(provider, "example.org", "WWW.example.org", "a.bad.example.org", "myexample.org", "org", "") == [
        "B",
        "B",
        "E",
        None,
        None,
        None,
    ]


def test_without_domains_a_key_is_a_key(tmp_path: Path) -> None:
    provider = table(tmp_path, TABLE, key_match="exact")
    assert letters(provider, "example.org", "www.example.org") == ["B", None]


@pytest.mark.parametrize(
    "text", ["[[source]", 'source = "x"', "", TABLE + TABLE, '[[source]]\nletter = "A"', "[[source]]\ndomain = 1"]
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        table(tmp_path, text)


def database(tmp_path: Path, **changes: Any) -> MaxmindProvider:
    values: dict[str, Any] = {
        "provider": "maxmind",
        "file": tmp_path / "a.mmdb",
        "answers": {
            "asn": "/autonomous_system_number",
            "country": ("/country/iso_code", "/registered_country/iso_code"),
        },
    }
    return MaxmindProvider(lookup_settings(**(values | changes)))


def test_a_database_is_asked_for_addresses(tmp_path: Path) -> None:
    write_database(
        tmp_path / "a.mmdb",
        {
            "192.0.2.0/24": {"autonomous_system_number": 64496, "country": {"iso_code": "JP"}},
            "198.51.100.0/25": {"autonomous_system_number": 64497, "registered_country": {"iso_code": "DE"}},
        },
    )
    provider = database(tmp_path)
    keys = ["192.0.2.1", "198.51.100.9", "198.51.100.200", "no address", "2001:db8::1", ""]
    answers = provider.fetch(keys, 1.0)
    assert [answers[key].value for key in keys] == [
        {"asn": 64496, "country": "JP"},
        {"asn": 64497, "country": "DE"},
        None,
        None,
        None,
        None,
    ]
    assert (provider.name, provider.built_at) == ("maxmind", "2023-11-14")
    provider.close()


@pytest.mark.parametrize("content", [b"", b"no database", b"\xab\xcd\xefMaxMind.com"])
def test_what_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mmdb").write_bytes(content)
    with pytest.raises(ConfigError, match="MaxMind"):
        database(tmp_path)
