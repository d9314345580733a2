"""The walk-through of docs/lookups.md, step by step: a provider that nobody has written code for, with configuration alone.

What a reader would type is taken from the page itself; only the provider's address is this machine's.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.cli_calls import CONFIG, Done, Program
from tests.support.lookup_server import ProviderServer, send
from workers.adapters.process import SystemClock
from workers.cli.bootstrap import tagger_pipeline
from workers.embedded.valkey import EmbeddedValkey
from workers.model import Lookup, Partition, Record, Tagged
from workers.settings import load_settings
from workers.telemetry import NullTelemetry

PAGE = CONFIG.parent / "docs" / "lookups.md"
ITEM = {
    "id": "i1",
    "title": "PlugX again",
    "body": "The implant called evil[.]example and good[.]example.",
    "tlp": "GREEN",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def sandbox(handler: BaseHTTPRequestHandler, _: ProviderServer) -> None:
    """The service of the walk-through, as the page shows it."""
    if handler.headers.get("X-Api-Key") != "s3cret":
        send(handler, 401, {}, b"{}")
    elif urlsplit(handler.path).path == "/v1/domains/evil.example":
        (shown,) = re.findall(r"\{\"result\".*\}", PAGE.read_text(encoding="utf-8"))
        send(handler, 200, {"Content-Type": "application/json"}, shown.encode())
    else:
        send(handler, 404, {}, b'{"error": "never met"}')


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer().running() as running:
        running.behaviour = sandbox
        yield running


class Reader:
    """Somebody who follows the page."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._program = Program(environment)

    def type(self, line: str, code: int = 0) -> Done:
        program, *arguments = line.split()
        assert program == "shirase"
        return self._program("--config-dir", self.folder, *arguments, code=code)

    def lookups_of(self, item: dict[str, str]) -> dict[str, Lookup]:
        """What the new provider answers about the item in the tagger's own pipeline, by key."""
        settings = load_settings(self.folder, None, self._program.environment)
        record = Record(
            partition=Partition("intel.raw.news", 0),
            offset=0,
            timestamp_ms=0,
            key=None,
            value=json.dumps(item).encode(),
        )
        (outcome,) = tagger_pipeline(settings, NullTelemetry(), SystemClock()).process([record]).outcomes
        assert isinstance(outcome, Tagged)
        return {one.key: one for one in outcome.event.lookups if one.source == "house-sandbox"}


@pytest.fixture
def reader(tmp_path: Path, server: ProviderServer, valkey: EmbeddedValkey) -> Reader:
    shutil.copytree(CONFIG, tmp_path / "config")
    (tmp_path / "config" / "sandbox.key").write_text("s3cret\n", encoding="utf-8")  # step 1
    (row,) = blocks("toml")  # step 2
    local = f"http://{urlsplit(server.url).netloc}"
    assert "https://sandbox.example.org" in row
    with (tmp_path / "config" / "lookups.toml").open("a", encoding="utf-8") as rows:
        rows.write("\n" + row.replace("https://sandbox.example.org", local))
    environment = {"SHIRASE_REDIS__URL": valkey.url, "SHIRASE_REDIS__TIMEOUT_MS": "2000"}
    return Reader(tmp_path / "config", environment | {"SHIRASE_KNOWLEDGE__CACHE_DIR": str(tmp_path / "cache")})


def test_step_by_step(reader: Reader, server: ProviderServer) -> None:
    check, ask, ask_again = next(block for block in blocks("sh") if "config check" in block).splitlines()  # step 3
    assert "indicator (house-sandbox)" in reader.type(check).out
    assert "verdict: malicious; seen: 42.0; families: PlugX" in reader.type(ask).out
    (answer,) = json.loads(reader.type(ask_again).out)
    assert (answer["source"], answer["status"], answer["from"]) == ("house-sandbox", "found", "provider")
    assert answer["value"] == {"verdict": "malicious", "seen": 42.0, "families": ["PlugX"]}
    assert len(server.requests) == 2

    found = reader.lookups_of(ITEM)  # step 4, without a broker
    assert {key: one.status.value for key, one in found.items()} == {
        "evil.example": "found",
        "good.example": "not_found",
    }
    assert found["evil.example"].value == answer["value"]
    asked = len(server.requests)
    found = reader.lookups_of(ITEM | {"tlp": "RED"})
    assert {one.status.value for one in found.values()} == {"withheld"}
    assert len(server.requests) == asked


def test_the_cache_by_hand(reader: Reader) -> None:
    reader.type("shirase lookup indicator evil.example")
    stats, forget = next(block for block in blocks("sh") if "cache stats" in block).splitlines()
    assert "house-sandbox" in reader.type(stats.partition("#")[0]).out
    assert reader.type(forget.partition("#")[0]).out == "0 deleted\n"
    assert reader.type("shirase cache forget --provider house-sandbox").out == "1 deleted\n"


def test_a_wrong_key_is_a_failure_and_stays_out_of_sight(reader: Reader) -> None:
    (reader.folder / "sandbox.key").write_text("wr0ng\n", encoding="utf-8")
    done = reader.type("shirase lookup indicator evil.example --json", code=1)
    (answer,) = json.loads(done.out)
    assert (answer["status"], answer["reason"]) == ("unavailable", "http-401")
    assert "wr0ng" not in done.out + done.err


def test_the_page_names_what_ships_and_nothing_else() -> None:
    text = (CONFIG / "lookups.toml").read_text(encoding="utf-8")
    shipped = set(re.findall(r'^provider = "(.*)"', text, re.MULTILINE))
    (table,) = re.findall(r"## What ships\n(.*?)\n## ", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert all(f"`{name}`" in table for name in shipped)
