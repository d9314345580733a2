"""The demo's own data: readable, invented, and shaped like what it stands for."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from workers.cli.documents import Document, read_documents
from workers.errors import ItemError
from workers.formats.raw_item import Decoded, ItemDecoder
from workers.settings import load_settings

CONFIG = Path(__file__).resolve().parents[3] / "config"
ITEMS = CONFIG / "demo"
DECODER = ItemDecoder(1_000_000)


def documents(name: str) -> list[Document]:
    return list(read_documents([ITEMS / name]))


def decoded() -> list[Decoded]:
    names = ("news.jsonl", "reports.jsonl", "stories.jsonl")
    return [DECODER.decode("t", d.value) for name in names for d in documents(name)]


def test_there_are_some_fifty_items_in_two_languages_with_nothing_unknown() -> None:
    items = decoded()
    assert 50 <= len(items) <= 60
    assert {one.item.language for one in items} == {"en", "ja"}
    assert sum(one.item.language == "ja" for one in items) >= 6
    assert [one.item_id for one in items if one.unknown_members] == []
    assert len({one.item_id for one in items}) == len(items)


def test_every_address_is_one_that_nobody_can_own() -> None:
    for one in decoded():
        for host in re.findall(r"https?://([^/\s]+)", f"{one.item.url} {one.item.body}"):
            assert host.endswith(".example"), (one.item_id, host)


def test_every_broken_record_is_refused_and_the_reasons_differ() -> None:
    codes = []
    for document in documents("broken.jsonl"):
        with pytest.raises(ItemError) as caught:
            DECODER.decode("t", document.value)
        codes.append(caught.value.code)
    assert codes == ["not-json", "no-text", "unknown-tlp", "not-an-object", "wrong-type"]


def test_the_lookups_are_those_of_the_project_but_for_where_they_ask() -> None:
    text = (ITEMS / "lookups.toml").read_text(encoding="utf-8")
    ours = tomllib.loads((CONFIG / "lookups.toml").read_text(encoding="utf-8"))["lookup"]
    demo = tomllib.loads(text)["lookup"]
    # Of the providers for vulnerabilities the demo has one, which is nobody's second.
    own = {"enabled", "internal", "endpoint", "deadline_ms", "second_to"}
    shipped = [{k: v for k, v in row.items() if k not in own} for row in ours]
    assert all({k: v for k, v in row.items() if k not in own} in shipped for row in demo)
    assert {row["endpoint"] for row in demo if "endpoint" in row} == {"{epss}", "{slow}"}


def test_the_scores_cover_some_of_the_named_vulnerabilities_and_not_all() -> None:
    named = {cve for one in decoded() for cve in re.findall(r"CVE-\d{4}-\d+", one.item.body or "")}
    known = {row["cve"] for row in json.loads((ITEMS / "epss.json").read_text(encoding="utf-8"))}
    assert known < named


def test_one_item_is_filtered() -> None:
    assert sum(one.item.source is not None and one.item.source.name == "Sponsored Posts" for one in decoded()) == 1
    assert len(load_settings(CONFIG, None, {}).tagger.sources) == 2
