"""What reading costs: per item, per kB and at its worst, and as a share of decoding and encoding in the same run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import TypeVar

import msgspec

from workers.classify.features import collect_features
from workers.classify.observables import ObservableFinder
from workers.classify.reader import Reader
from workers.classify.sheet import SheetReader
from workers.classify.text import detect_language, fields_of
from workers.knowledge import Knowledge, load_knowledge
from workers.model import RawItem

__all__ = ["measure_reading"]

T = TypeVar("T")
_CONFIG = Path(__file__).resolve().parents[1] / "config"
_ROUNDS = 3
_WORST_SHARE = 100
_MEBIBYTE = 1 << 20


def measure_reading(values: Sequence[bytes]) -> list[str]:
    """The table's lines, Markdown: processor time, the least of three rounds."""
    knowledge = load_knowledge(_CONFIG, None)
    reader, decoder = Reader(knowledge), msgspec.json.Decoder(RawItem)
    items = [decoder.decode(value) for value in values]
    frame = _least(values, decoder.decode) + _least(items, msgspec.json.encode)
    rows = [("decode and encode", frame), *_steps(knowledge, items), ("read, whole", _least(items, reader.read))]
    kilobytes = sum(map(len, values)) / 1000
    lines = [
        f"| {name} | {spent / len(items) * 1e6:.1f} | {spent / kilobytes * 1e6:.1f} | {spent / frame:.2f} |"
        for name, spent in rows
    ]
    return [
        "| step | µs per item | µs per kB | times decode and encode |",
        "|---|---|---|---|",
        *lines,
        "",
        *_extremes(reader, items),
    ]


def _steps(knowledge: Knowledge, items: Sequence[RawItem]) -> list[tuple[str, float]]:
    sheets, finder = SheetReader(knowledge), ObservableFinder(knowledge)
    fields = [fields_of(item) for item in items]
    languages = [detect_language(item.language, found) for item, found in zip(items, fields, strict=True)]
    pairs = list(zip(fields, languages, strict=True))
    read = [(found, sheets.read(found, language)) for found, language in pairs]
    texts = [text for found in fields for text in found]
    return [
        ("fields", _least(items, fields_of)),
        ("names and sentences", _least(texts, sheets.scanner.sentences)),
        ("names, sentences, roles", _least(pairs, lambda pair: sheets.read(*pair))),
        ("features", _least(read, lambda pair: collect_features(knowledge, finder, pair[0], pair[1].sentences))),
    ]


def _extremes(reader: Reader, items: Sequence[RawItem]) -> list[str]:
    """The dearest hundredth of the items, and texts of 1 MiB made to be dear."""
    each = sorted(_least([item], reader.read) for item in items)
    worst = each[-max(1, len(each) // _WORST_SHARE) :]
    lines = [
        "| text | ms |",
        "|---|---|",
        f"| mean of the dearest hundredth | {sum(worst) / len(worst) * 1e3:.2f} |",
        f"| dearest item | {worst[-1] * 1e3:.2f} |",
    ]
    for name, unit in (
        ("names repeated", "China hackers "),
        ("one long word", "a"),
        ("nested brackets", "[(<{"),
        ("combining signs", "e\u0301\u0327"),
    ):
        body = unit * (_MEBIBYTE // len(unit.encode()))
        item = msgspec.structs.replace(items[0], title="Report", summary=None, body=body)
        lines.append(f"| 1 MiB, {name} | {_least([item], reader.read) * 1e3:.0f} |")
    return lines


def _least(inputs: Sequence[T], step: Callable[[T], object]) -> float:
    """Seconds of processor time for all inputs, the least of the rounds: what else the machine does only adds."""
    spent: list[float] = []
    for _ in range(_ROUNDS):
        started = process_time()
        for value in inputs:
            step(value)
        spent.append(process_time() - started)
    return min(spent)
