from __future__ import annotations

from typing import Any

import pytest

from tests.support.lookups import lookup_settings
from workers.settings import MISSING, EntryReader, resolve

DOCUMENT = {
    "a": {"b": 1, "": "empty", "x/y": "slash", "*": "star"},
    "list": [{"v": None}, {"v": 2, "tags": ["x", "y"]}, "no object", {"v": 3, "tags": ["y", {"deep": 1}]}],
}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", DOCUMENT),
        ("/a/b", 1),
        ("/a/", "empty"),
        ("/a/x~1y", "slash"),
        ("/a/*", "star"),
        ("/list/1/v", 2),
        ("/list/*/v", None),
        ("/list/9/v", MISSING),
        ("/list/-1/v", MISSING),
        ("/list/x", MISSING),
        ("/a/b/c", MISSING),
        ("/nothing", MISSING),
    ],
)
def test_what_stands_where(pointer: str, value: object) -> None:
    assert resolve(DOCUMENT, pointer) == value


def read(entry: Any, **changes: Any) -> dict[str, Any]:
    return EntryReader(lookup_settings(**changes)).value(entry)


def test_the_first_pointer_that_leads_to_a_value_counts() -> None:
    answers = {"v": ("/nothing", "/list/*/v", "/a/b"), "w": ("/x", "/y"), "one": "/a/b"}
    assert read(DOCUMENT, answers=answers) == {"v": 2, "w": None, "one": 1}


def test_lists_collect_texts_and_numbers_once() -> None:
    answers = {"tags": ("/list/*/tags", "/a/b"), "none": "/x"}
    assert read(DOCUMENT, answers=answers, lists=("tags", "none")) == {"tags": ["x", "y", 1], "none": []}


def test_lists_end_somewhere() -> None:
    assert len(read({"t": list(range(1000))}, answers={"t": "/t"}, lists=("t",))["t"]) == 100


def test_numbers_are_made_of_texts() -> None:
    entry = {"a": "0.5", "b": "x", "c": True, "d": "inf", "e": None}
    answers = {name: f"/{name}" for name in entry}
    assert read(entry, answers=answers, numbers=tuple(entry)) == {"a": 0.5, "b": None, "c": None, "d": None, "e": None}
