"""Where items come from on the command line: JSON Lines, folders, single texts, standard input. Reads; decides nothing.

What is in a file is told by its name: `.txt`, `.md`, `.html` and `.htm` hold one text each, `.json` one item, and
anything else one item a line (JSON Lines). `.gz` after any of these is unpacked on the way. Bytes are handed on as
they stand, so that the worker, not this module, refuses what cannot be read.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

__all__ = ["Document", "count_octets", "lines_of", "read_documents"]

_TEXTS = {".txt": "text/plain", ".md": "text/markdown", ".html": "text/html", ".htm": "text/html"}
_IN_FOLDERS = {*_TEXTS, ".json", ".jsonl", ".ndjson"}


@dataclass(frozen=True, slots=True)
class Document:
    """One raw item as bytes, where it stands (`file:line`), and how many octets of input it took."""

    origin: str
    value: bytes
    octets: int


def read_documents(paths: Iterable[Path]) -> Iterator[Document]:
    """The raw items of `paths` in order; `-` is standard input, a folder is read in the order of its files' names.

    Raises OSError.
    """
    for path in paths:
        for file in _files(path):
            yield from _read(file)


def count_octets(paths: Iterable[Path]) -> int | None:
    """How much there is to read, None where nobody can say (standard input, packed files)."""
    files = [file for path in paths for file in _files(path)]
    if any(str(file) == "-" or file.suffix == ".gz" for file in files):
        return None
    return sum(file.stat().st_size for file in files)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and _kind(file) in _IN_FOLDERS)


def _kind(file: Path) -> str:
    return (file.with_suffix("") if file.suffix == ".gz" else file).suffix.lower()


def _read(file: Path) -> Iterator[Document]:
    if str(file) == "-":
        yield from lines_of("standard input", sys.stdin.buffer)
        return
    with _opened(file) as stream:
        if _kind(file) in _TEXTS:
            text = stream.read()
            yield Document(str(file), _item(text, _TEXTS[_kind(file)]), len(text))
        elif _kind(file) == ".json":
            text = stream.read()
            yield Document(str(file), text, len(text))
        else:
            yield from lines_of(str(file), stream)


def _opened(file: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(file, "rb")) if file.suffix == ".gz" else file.open("rb")


def lines_of(name: str, stream: Iterable[bytes]) -> Iterator[Document]:
    """The lines of `stream` that are not blank, one item each, byte for byte."""
    for number, line in enumerate(stream, 1):
        if not line.isspace():
            yield Document(f"{name}:{number}", line.rstrip(b"\r\n"), len(line))


def _item(text: bytes, content_type: str) -> bytes:
    """A raw item around a bare text. A text that is not UTF-8 stays as it is: the decoder refuses it by that name."""
    try:
        body = text.decode("utf-8-sig")
    except UnicodeDecodeError:
        return text
    return json.dumps({"body": body, "content_type": content_type}, ensure_ascii=False).encode("utf-8", "surrogatepass")
