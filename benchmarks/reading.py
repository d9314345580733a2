"""What reading costs: per step, per kB and at its worst, as a share of decoding and encoding in the same run; and whether it is sure rightly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import TypeVar

import msgspec

from benchmarks.calibration import measure_calibration
from workers.classify.features import collect_features
from workers.classify.reader import Reader
from workers.classify.text import fields_of
from workers.knowledge import load_knowledge
from workers.model import RawItem

__all__ = ["measure_reading"]

T = TypeVar("T")
_CONFIG = Path(__file__).resolve().parents[1] / "config"
_ROUNDS = 3
_WORST_SHARE = 100
_MEBIBYTE = 1 << 20
_EIGHTH = _MEBIBYTE // 8
# Texts made to be dear, by the stretch that they repeat.
_EXTREMES = (
    ("names", "China hackers "),
    ("names and commas", "Lazarus, Lazarus, "),
    ("roles", "attacked China by Russia, "),
    ("roles, Japanese", "中国のハッカーが日本を攻撃、"),
    ("clauses", "China hackers steal data, "),
    ("one long word", "a"),
    ("nested brackets", "[(<{"),
    ("combining signs", "e\u0301\u0327"),
    ("empty lines", "\n"),
    ("full stops", "a.b.c.d."),
    ("beginnings of addresses", "hxxp://"),
    ("addresses", "hxxp://a[.]b "),
    ("CVE ids", "CVE-2024-1234 "),
    ("tags never closed", "<script>"),
    ("entities", "&amp;"),
)


def measure_reading(values: Sequence[bytes], development: Sequence[Path]) -> list[str]:
    """The tables' lines, Markdown: processor time, the least of three rounds. Scores are checked where there are labelled items."""
    knowledge = load_knowledge(_CONFIG, None)
    reader, decoder = Reader(knowledge), msgspec.json.Decoder(RawItem)
    items = [decoder.decode(value) for value in values]
    frame = _least(values, decoder.decode) + _least(items, msgspec.json.encode)
    whole = _least(items, reader.read)
    rows = [("decode and encode", frame), *_steps(reader, items), ("read, whole", whole)]
    kilobytes = sum(map(len, values)) / 1000
    lines = [
        f"| {name} | {spent / len(items) * 1e6:.1f} | {spent / kilobytes * 1e6:.1f} | {spent / frame:.2f} |"
        for name, spent in rows
    ]
    head = ["| step | µs per item | µs per kB | times decode and encode |", "|---|---|---|---|"]
    scores = measure_calibration(knowledge, development) if development else ["Scores: no labelled items were named."]
    return [*head, *lines, "", *_worst(reader, items), "", *_extremes(reader), "", *scores]


def _steps(reader: Reader, items: Sequence[RawItem]) -> list[tuple[str, float]]:
    """The steps of a reading, each on what the steps before it give."""
    laid = [reader.lay_open(item) for item in items]
    scanner = reader._sheets.scanner
    pairs = [(entry.fields, entry.analysis.language or "") for entry in laid]
    sheets = [entry.sheet for entry in laid]
    scanned = _least(pairs, lambda pair: [scanner.sentences(text) for text in pair[0]])
    featured = _least(
        laid,
        lambda entry: collect_features(reader._knowledge, reader._observables, entry.fields, entry.sheet.sentences),
    )
    return [
        ("fields", _least(items, fields_of)),
        ("names and sentences", scanned),
        ("roles", _least(pairs, lambda pair: reader._sheets.read(*pair)) - scanned),
        ("malware, techniques, indicators", featured),
        ("blame", _least(sheets, reader._blames)),
        ("attackers and aims", _least(laid, lambda entry: reader._attackers(entry.sheet, entry.blames))),
        ("sectors", _least(sheets, lambda sheet: reader._sectors.read(sheet, incident=True))),
        ("organisations", _least(sheets, reader._organisations.find)),
    ]


def _worst(reader: Reader, items: Sequence[RawItem]) -> list[str]:
    """The dearest hundredth of the items."""
    each = sorted(_least([item], reader.read) for item in items)
    worst = each[-max(1, len(each) // _WORST_SHARE) :]
    return [
        "| items | ms |",
        "|---|---|",
        f"| median | {each[len(each) // 2] * 1e3:.2f} |",
        f"| mean of the dearest hundredth | {sum(worst) / len(worst) * 1e3:.2f} |",
        f"| dearest item | {worst[-1] * 1e3:.2f} |",
    ]


def _extremes(reader: Reader) -> list[str]:
    """What eight times the text costs where the text is made to be dear: about eight where reading is linear."""
    lines = ["| text | 128 KiB, s | 1 MiB, s | ratio |", "|---|---|---|---|"]
    for name, unit in _EXTREMES:
        small, large = (_least([_repeated(unit, size)], reader.read) for size in (_EIGHTH, _MEBIBYTE))
        lines.append(f"| {name} | {small:.3f} | {large:.3f} | {large / small:.1f} |")
    return lines


def _repeated(unit: str, size: int) -> RawItem:
    body = unit * (size // len(unit.encode()))
    return RawItem(title="Report", body=body, content_type="text/html" if unit[0] in "<&" else "text/plain")


def _least(inputs: Sequence[T], step: Callable[[T], object]) -> float:
    """Seconds of processor time for all inputs, the least of the rounds: what else the machine does only adds."""
    spent: list[float] = []
    for _ in range(_ROUNDS):
        started = process_time()
        for value in inputs:
            step(value)
        spent.append(process_time() - started)
    return min(spent)
