"""Whether a score says what it claims: of the tags scored at about 0.8 about 80 % should be right. Measured on labelled items.

A labelled item is a JSON object: `id`, `dataset`, `title`, `text`, `lang`, the `labels` that people gave it, which of them they
looked for (`annotated_fields`) and for which of them absence means "no" (`negatives_ok`). Only tags of such fields are judged: where
absence says nothing, a tag too many cannot be told from a label too few.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from workers.classify import Reader
from workers.knowledge import Knowledge
from workers.model import Analysis, RawItem

__all__ = ["Labelled", "labelled_items", "measure_calibration"]

_BOUNDS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01)
# Annotates the main event of a text and not the blame in passing.
_MAIN_EVENT_ONLY = frozenset(("casie",))
_LIMIT = 0.05

# Which tag it is, its score and whether it is right.
Judged = tuple[str, float, bool]


class Labelled(msgspec.Struct):
    """An item with the labels that people gave it."""

    id: str
    dataset: str = ""
    title: str = ""
    text: str = ""
    lang: str | None = None
    labels: dict[str, list[str]] = {}
    sectors_any_of: list[list[str]] = []
    labels_not_in_text: dict[str, list[str]] | None = None
    annotated_fields: list[str] = []
    negatives_ok: dict[str, bool] = {}
    supported_in_text: bool | None = None
    suspect_label: list[str] = []

    def denies(self, label: str) -> bool:
        """Whether the absence of a label of this kind means that it would be wrong."""
        return label in self.annotated_fields and self.negatives_ok.get(label, False)


def labelled_items(files: Iterable[Path]) -> list[Labelled]:
    """The items of all files, each id once, as the last file has it."""
    decoder = msgspec.json.Decoder(Labelled)
    found: dict[str, Labelled] = {}
    for path in files:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as lines:
            for line in lines:
                item = decoder.decode(line)
                found[item.id] = item
    return list(found.values())


def measure_calibration(knowledge: Knowledge, files: Sequence[Path]) -> list[str]:
    """The table's lines, Markdown: by kind of tag and score, how many tags there are and how many of them are right."""
    reader = Reader(knowledge)
    judged = [row for item in labelled_items(files) for row in _judged(item, _read(reader, item))]
    lines = ["| tag | score | tags | mean score | right | off by |", "|---|---|---|---|---|---|"]
    errors = []
    for kind in sorted({kind for kind, _, _ in judged}):
        rows = [(score, right) for name, score, right in judged if name == kind]
        lines += [f"| {kind} {cells}" for cells in _bins(rows)]
        errors.append((kind, len(rows), _error(rows)))
    verdicts = [
        f"| {kind} | {count:,} | {error:.3f} | {'yes' if error <= _LIMIT else 'no'} |" for kind, count, error in errors
    ]
    head = ["", f"| tag | tags | expected calibration error | at most {_LIMIT} |", "|---|---|---|---|"]
    return [*lines, *head, *verdicts]


def _read(reader: Reader, item: Labelled) -> Analysis:
    return reader.read(RawItem(title=item.title or None, body=item.text or None, language=item.lang))


def _judged(item: Labelled, analysis: Analysis) -> Iterator[Judged]:
    accused = set(item.labels.get("attacker_countries", ()))
    if (
        item.denies("attacker_countries")
        and (item.supported_in_text or not accused)
        and not item.suspect_label
        and item.dataset not in _MAIN_EVENT_ONLY
    ):
        for attacker in analysis.attackers:
            if attacker.country:
                yield "attacker", attacker.score, attacker.country in accused
    if item.denies("victim_countries"):
        victims = set(item.labels.get("victim_countries", ()))
        unseen = set((item.labels_not_in_text or {}).get("victim_countries") or ()) - victims
        for target in analysis.targets.countries:
            if target.code not in unseen:
                yield "target country", target.score, target.code in victims
    if item.denies("sectors") and item.sectors_any_of:
        meant = {sector for group in item.sectors_any_of for sector in group}
        for sector in analysis.targets.sectors:
            yield "sector", sector.score, sector.id in meant


def _split(rows: Sequence[tuple[float, bool]]) -> Iterator[tuple[float, float, list[tuple[float, bool]]]]:
    for low, high in pairwise(_BOUNDS):
        held = [row for row in rows if low <= row[0] < high]
        if held:
            yield low, high, held


def _means(rows: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    return sum(score for score, _ in rows) / len(rows), sum(right for _, right in rows) / len(rows)


def _bins(rows: Sequence[tuple[float, bool]]) -> Iterator[str]:
    for low, high, held in _split(rows):
        claimed, right = _means(held)
        yield f"| {low:.1f} to {min(high, 1):.1f} | {len(held):,} | {claimed:.2f} | {right:.2f} | {claimed - right:+.2f} |"


def _error(rows: Sequence[tuple[float, bool]]) -> float:
    """What the mean score of a bin and the share of right tags in it lie apart, each bin weighed by its tags."""
    total = 0.0
    for _, _, held in _split(rows):
        claimed, right = _means(held)
        total += len(held) / len(rows) * abs(claimed - right)
    return total
