"""Sums the verdicts over behaviour cases up by class, and compares the sums with the recorded floor. Pure.

Precision and recall are those of attackers, over all cases: an attacker without a country counts by its group's name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from workers.classify.cases import Verdict
from workers.errors import ConfigError

__all__ = ["Figures", "Floor", "figures_by_class", "figures_of", "floor_of", "floor_text", "parse_floor", "shortfalls"]

_DIGITS = 10_000
_HEAD = """\
# The floor under `shirase rules test`: what the cases gave when it was last recorded, cut to four places.
# precision and recall are those of attackers over all cases; [right] is the share of cases without any fault, by class.
# Written by `shirase rules test --record`; raise it when the reader got better, lower it only with a reason.
"""


class Figures(Struct, frozen=True, kw_only=True):
    """The sums over some verdicts. `others` counts the faults that are not about who attacks."""

    cases: int
    right: int
    found: int
    missed: int
    invented: int
    others: int

    @property
    def precision(self) -> float:
        """Of the attackers that were tagged, how many are in the text; 1 where none was tagged."""
        tagged = self.found + self.invented
        return self.found / tagged if tagged else 1.0

    @property
    def recall(self) -> float:
        """Of the attackers in the texts, how many were tagged; 1 where there are none."""
        named = self.found + self.missed
        return self.found / named if named else 1.0

    @property
    def share(self) -> float:
        """The share of cases in which nothing is wrong."""
        return self.right / self.cases if self.cases else 1.0


class Floor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The recorded figures below which a run fails."""

    precision: float
    recall: float
    right: dict[str, float]


def figures_of(verdicts: Iterable[Verdict]) -> Figures:
    """The sums over `verdicts`."""
    listed = list(verdicts)
    return Figures(
        cases=len(listed),
        right=sum(verdict.right for verdict in listed),
        found=sum(verdict.found for verdict in listed),
        missed=sum(verdict.missed for verdict in listed),
        invented=sum(verdict.invented for verdict in listed),
        others=sum(fault.kind != "attackers" for verdict in listed for fault in verdict.faults),
    )


def figures_by_class(verdicts: Sequence[Verdict]) -> dict[str, Figures]:
    """The sums of each class, in the order of the classes' names."""
    classes = sorted({verdict.case.cls for verdict in verdicts})
    return {cls: figures_of(verdict for verdict in verdicts if verdict.case.cls == cls) for cls in classes}


def floor_of(verdicts: Sequence[Verdict]) -> Floor:
    """The floor that these verdicts reach, cut to four places."""
    total = figures_of(verdicts)
    right = {cls: _cut(figures.share) for cls, figures in figures_by_class(verdicts).items()}
    return Floor(precision=_cut(total.precision), recall=_cut(total.recall), right=right)


def _cut(share: float) -> float:
    return math.floor(share * _DIGITS) / _DIGITS


def floor_text(floor: Floor) -> str:
    """The floor as the text of its file."""
    rows = [f"{json.dumps(cls)} = {share}" for cls, share in sorted(floor.right.items())]
    return "\n".join((f"{_HEAD}precision = {floor.precision}", f"recall = {floor.recall}", "", "[right]", *rows, ""))


def parse_floor(where: str, text: str) -> Floor:
    """The floor in the text of its file. Raises ConfigError."""
    try:
        return msgspec.toml.decode(text, type=Floor)
    except msgspec.DecodeError as problem:
        raise ConfigError(where, "floor", str(problem), "a file written by `shirase rules test --record`") from problem


def shortfalls(floor: Floor, verdicts: Sequence[Verdict], *, overall: bool = True) -> Iterator[str]:
    """In words, what falls below the floor. A class that the floor does not know must be recorded first."""
    total = figures_of(verdicts)
    if overall and total.precision < floor.precision:
        yield f"precision of attackers is {total.precision:.4f}, below {floor.precision:.4f}"
    if overall and total.recall < floor.recall:
        yield f"recall of attackers is {total.recall:.4f}, below {floor.recall:.4f}"
    for cls, figures in figures_by_class(verdicts).items():
        if cls not in floor.right:
            yield f"{cls}: no floor is recorded"
        elif figures.share < floor.right[cls]:
            yield f"{cls}: {figures.right} of {figures.cases} cases are right, below {floor.right[cls]:.4f}"
