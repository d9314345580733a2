"""The demo's score provider answers as the real one would."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workers.embedded.demo_scores import DemoScores

ITEMS = Path(__file__).resolve().parents[3] / "config/demo"


@pytest.fixture
def scores() -> Iterator[DemoScores]:
    server = DemoScores(json.loads((ITEMS / "epss.json").read_text(encoding="utf-8"))).start()
    yield server
    server.stop()


def ask(url: str) -> dict[str, Any]:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_known_keys_have_a_row_and_others_none(scores: DemoScores) -> None:
    answer = ask(f"{scores.url}?cve=CVE-2026-990004,CVE-2026-990001")
    assert answer["status"] == "OK"
    assert [row["cve"] for row in answer["data"]] == ["CVE-2026-990001"]
    assert float(answer["data"][0]["epss"]) > 0.9


def test_asked_for_nothing_it_answers_nothing(scores: DemoScores) -> None:
    assert ask(scores.url)["data"] == []


def test_it_is_gone_after_stop(scores: DemoScores) -> None:
    url = scores.url
    scores.stop()
    scores.stop()
    with pytest.raises(OSError, match="refused"):
        ask(url)
