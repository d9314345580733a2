"""`shirase lookup` and `shirase cache`, called as a person would, against a provider and a cache server on loopback."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.cli_calls import CONFIG, Program
from tests.support.lookup_server import ProviderServer, reply
from workers.cli.lookup import type_of
from workers.embedded.cache_process import CacheProcess
from workers.embedded.valkey import EmbeddedValkey

KNOWN, UNKNOWN = "CVE-2022-27225", "CVE-1999-0001"


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer().running() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, server: ProviderServer) -> Path:
    """The shipped configuration, with EPSS switched on and pointed at loopback as if it were a third party's."""
    shutil.copytree(CONFIG, tmp_path / "config")
    text = (tmp_path / "config/lookups.toml").read_text(encoding="utf-8")
    text = text.replace("enabled = false\ninternal = false", "enabled = true\ninternal = true", 1)
    text = text.replace("https://api.first.org/data/v1/epss", server.url)
    (tmp_path / "config/lookups.toml").write_text(text, encoding="utf-8")
    return tmp_path / "config"


class Caller:
    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._program = Program(environment)

    def __call__(self, *arguments: str, code: int = 0) -> str:
        done = self._program("--config-dir", self._folder, *arguments, code=code)
        self.words = done.words()
        return done.out

    def json(self, *arguments: str, code: int = 0) -> list[dict[str, object]]:
        import json

        found: list[dict[str, object]] = json.loads(self(*arguments, "--json", code=code))
        return found


@pytest.fixture
def shirase(folder: Path, tmp_path: Path, valkey: EmbeddedValkey) -> Caller:
    return Caller(
        folder,
        {
            "SHIRASE_REDIS__URL": valkey.url,
            "SHIRASE_REDIS__TIMEOUT_MS": "2000",
            "SHIRASE_KNOWLEDGE__CACHE_DIR": str(tmp_path / "cache"),
        },
    )


def test_the_provider_is_asked_once_and_then_the_cache(shirase: Caller, server: ProviderServer) -> None:
    (first,) = shirase.json("lookup", "cve", KNOWN.lower())
    (second,) = shirase.json("lookup", "cve", KNOWN)
    assert (first["from"], second["from"], len(server.requests)) == ("provider", "cache", 1)
    assert first["value"] == second["value"] == {"epss": 0.00133, "percentile": 0.48333, "date": "2022-03-01"}
    assert first["fetched_at"] == second["fetched_at"]
    assert isinstance(second["age_s"], float)
    assert 0 < second["fresh_for_s"] <= 21600 < second["kept_for_s"] <= 604800  # type: ignore[operator]


def test_without_the_cache_it_is_neither_read_nor_written(shirase: Caller, server: ProviderServer) -> None:
    for asked in (1, 2):
        (answer,) = shirase.json("lookup", "cve", KNOWN, "--no-cache")
        assert (answer["from"], len(server.requests)) == ("provider", asked)
    assert shirase.json("cache", "stats")["entries"] == []  # type: ignore[call-overload]


def test_a_person_sees_source_age_and_time_to_live(shirase: Caller) -> None:
    header, line = shirase("lookup", "cve", KNOWN).splitlines()
    row = dict(zip(header.split("\t"), line.split("\t"), strict=False))
    assert (row["provider"], row["status"], row["from"]) == ("first-epss", "found", "provider")
    assert row["value"].startswith("epss: 0.00133; percentile: 0.48333")
    assert (row["fresh_for"], row["kept_for"]) in {("6 h", "7 d"), ("5 h", "6 d"), ("5 h", "7 d"), ("6 h", "6 d")}


def test_nobody_knows_is_exit_code_1(shirase: Caller, server: ProviderServer) -> None:
    (answer,) = shirase.json("lookup", "cve", UNKNOWN, code=1)
    assert (answer["status"], answer["value"]) == ("not_found", None)
    server.behaviour = reply(500)
    (answer,) = shirase.json("lookup", "cve", "CVE-1999-0002", code=1)
    assert (answer["status"], answer["reason"]) == ("unavailable", "http-500")


def test_what_is_marked_too_high_is_not_asked(shirase: Caller, server: ProviderServer, folder: Path) -> None:
    text = (folder / "lookups.toml").read_text(encoding="utf-8")
    (folder / "lookups.toml").write_text(text, encoding="utf-8")
    (answer,) = shirase.json("lookup", "cve", KNOWN, "--tlp", "AMBER", code=1)
    assert (answer["status"], server.requests) == ("withheld", [])


def test_groups_are_asked_by_name_or_number(shirase: Caller) -> None:
    answers = [shirase.json("lookup", "actor", name)[0] for name in ("APT1", "g0006", "comment crew")]
    assert {answer["key"] for answer in answers} == {answers[0]["key"]}
    assert answers[0]["value"]["country"] == "CN"  # type: ignore[index]
    (answer,) = shirase.json("lookup", "actor", "Nobody At All", code=1)
    assert answer["status"] == "not_found"


def test_wrong_words_are_said_to_be_wrong(shirase: Caller) -> None:
    shirase("lookup", "weather", "Tokyo", code=2)
    assert "asn" in shirase.words
    shirase("lookup", "indicator", "evil.example", code=78)
    assert "enabled" in shirase.words
    shirase("cache", "forget", code=2)
    assert "--all" in shirase.words


def test_the_cache_is_counted_and_cleared_where_it_is_ours(
    shirase: Caller, server: ProviderServer, valkey: CacheProcess
) -> None:
    client = redis.Redis.from_url(valkey.url)
    client.set("somebody:else", "x")
    server.scores["CVE-2022-0001"] = "0.5"
    for cve in (KNOWN, "CVE-2022-0001"):
        shirase("lookup", "cve", cve)
    shirase("lookup", "cve", UNKNOWN, code=1)
    prefix = next(key for key in client.scan_iter("shirase:lookup:*")).rpartition(b":")[0]
    client.set(prefix + b":CVE-BROKEN", b"\x09rubbish")
    client.rpush(prefix + b":CVE-FOREIGN", "x")
    client.set(prefix + b":CVE-1:lock", "token")
    (row,) = shirase.json("cache", "stats")["entries"]  # type: ignore[call-overload]
    counted = {column: row[column] for column in ("entries", "fresh", "stale", "nothing_known", "unreadable")}
    assert counted == {"entries": 5, "fresh": 2, "stale": 0, "nothing_known": 1, "unreadable": 2}
    assert 0 < row["bytes"] < row["memory"]
    assert "used" in shirase("cache", "stats").splitlines()[-1]

    assert shirase("cache", "forget", "--key", KNOWN) == "1 deleted\n"
    assert shirase("cache", "forget", "--kind", "actor") == "0 deleted\n"
    assert shirase("cache", "forget", "--key", "CVE-*") == "0 deleted\n"  # a key, not a pattern
    assert shirase("cache", "forget", "--provider", "first-epss") == "5 deleted\n"
    shirase("lookup", "cve", KNOWN)
    assert shirase("cache", "forget", "--all") == "1 deleted\n"
    assert client.get("somebody:else") == b"x"
    client.close()


def test_a_cache_that_is_away_costs_the_cache_and_not_the_answer(shirase: Caller, valkey: CacheProcess) -> None:
    valkey.kill()
    (answer,) = shirase.json("lookup", "cve", KNOWN)
    assert (answer["status"], answer["from"]) == ("found", "provider")
    shirase("cache", "stats", code=1)
    assert "redis" in shirase.words


def test_without_a_cache_server_there_is_nothing_to_see(folder: Path) -> None:
    caller = Caller(folder, {})
    caller("cache", "stats", code=78)
    assert "redis.url" in caller.words


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("192.0.2.1", "ipv4-addr"),
        ("2001:db8::1", "ipv6-addr"),
        ("evil.example", "domain-name"),
        ("http://evil.example/x", "url"),
        ("a@evil.example", "email-addr"),
        ("A" * 32, "file-hash-md5"),
        ("0" * 40, "file-hash-sha1"),
        ("0" * 64, "file-hash-sha256"),
        ("g" * 64, "domain-name"),
    ],
)
def test_what_a_key_looks_like(key: str, kind: str) -> None:
    assert type_of(key) == kind
