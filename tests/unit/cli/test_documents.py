"""Reading items from files: what is one item, and where it stands."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from workers.cli.documents import Document, count_octets, read_documents
from workers.errors import ItemError
from workers.formats.raw_item import ItemDecoder

DECODER = ItemDecoder(1_000_000)


def read(*paths: Path) -> list[Document]:
    return list(read_documents(paths))


def write(path: Path, value: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value)
    return path


def test_json_lines_are_handed_on_byte_for_byte_with_their_line(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", b'{"body": "x"}\n\n  \nnot json\xff\r\n{"body":"y"}')
    found = read(file)
    assert [(d.origin, d.value) for d in found] == [
        (f"{file}:1", b'{"body": "x"}'),
        (f"{file}:4", b"not json\xff"),
        (f"{file}:5", b'{"body":"y"}'),
    ]


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("a.txt", "text/plain"), ("a.md", "text/markdown"), ("a.html", "text/html"), ("A.HTM", "text/html")],
)
def test_a_text_becomes_an_item_of_its_kind(tmp_path: Path, name: str, content_type: str) -> None:
    text = '\ufeffAPT10 said "no".\nZeile 2 — 日本\n'
    (document,) = read(write(tmp_path / name, text.encode()))
    item = DECODER.decode("t", document.value).item
    assert item.body == text.removeprefix("\ufeff")
    assert item.content_type == content_type
    assert document.origin == str(tmp_path / name)


def test_a_text_that_is_not_utf8_is_refused_by_that_name(tmp_path: Path) -> None:
    (document,) = read(write(tmp_path / "a.txt", b"caf\xe9"))
    with pytest.raises(ItemError) as caught:
        DECODER.decode("t", document.value)
    assert caught.value.code == "not-utf8"


def test_a_json_file_is_one_item_however_it_is_laid_out(tmp_path: Path) -> None:
    (document,) = read(write(tmp_path / "a.json", json.dumps({"title": "t"}, indent=2).encode()))
    assert DECODER.decode("t", document.value).item.title == "t"


def test_a_folder_is_read_in_the_order_of_names_and_leaves_other_files_out(tmp_path: Path) -> None:
    for name in ("b.txt", "a.md", "sub/c.html", "sub/d.jsonl", "picture.png", "e.jsonl.gz"):
        body = b'{"body":"1"}\n{"body":"2"}\n' if ".jsonl" in name else b"text"
        write(tmp_path / name, gzip.compress(body) if name.endswith(".gz") else body)
    origins = [document.origin.removeprefix(f"{tmp_path}/") for document in read(tmp_path)]
    assert origins == ["a.md", "b.txt", "e.jsonl.gz:1", "e.jsonl.gz:2", "sub/c.html", "sub/d.jsonl:1", "sub/d.jsonl:2"]


def test_standard_input_is_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"body":"x"}\n')))
    assert [(d.origin, d.value) for d in read(Path("-"))] == [("standard input:1", b'{"body":"x"}')]


def test_octets_add_up_to_the_size_of_the_files(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", b'{"body":"x"}\n{"body":"y"}\n')
    write(tmp_path / "b.txt", b"text")
    assert count_octets([tmp_path]) == 30 == sum(document.octets for document in read(tmp_path))


def test_nobody_knows_the_size_of_a_pipe_or_of_what_is_packed(tmp_path: Path) -> None:
    assert count_octets([Path("-")]) is None
    assert count_octets([write(tmp_path / "a.jsonl.gz", gzip.compress(b"{}"))]) is None


def test_a_broken_archive_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gzip"):
        read(write(tmp_path / "a.jsonl.gz", b"no archive"))
