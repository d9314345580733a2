"""The parts of an explanation. Types only; they are also what `shirase explain --json` writes."""

from __future__ import annotations

from msgspec import Struct

from workers.model import Attacker, Evidence

__all__ = [
    "ExplainedAttacker",
    "Explanation",
    "FieldView",
    "Firing",
    "Mark",
    "NotAttacker",
    "OtherTag",
    "Step",
]


class FieldView(Struct, frozen=True):
    """A field as given."""

    name: str
    text: str


class Firing(Struct, frozen=True, kw_only=True):
    """A rule that fired on a mention, and what it says. `decided`: the mention was read as this rule says."""

    rule: str
    role: str
    strength: float
    hedged: bool
    decided: bool
    name: str
    sentence: str


class Mark(Struct, frozen=True, kw_only=True):
    """A stretch of a field: a name with the role that it was given, or a name that was not taken for one."""

    field: str
    start: int
    end: int
    text: str
    name: str
    role: str
    why: str


class Step(Struct, frozen=True, kw_only=True):
    """One step of a score: what was counted in, and the score after it."""

    says: str
    score: float


class ExplainedAttacker(Struct, frozen=True, kw_only=True):
    """An attacker with the rules for and against it, its sentences, and how its score came to be."""

    attacker: Attacker
    name: str
    steps: list[Step]
    speak_for: list[Firing]
    speak_against: list[Firing]
    sentences: list[str]


class NotAttacker(Struct, frozen=True, kw_only=True):
    """A country or an actor that is named and is no attacker, with the reasons."""

    name: str
    reasons: list[str]
    steps: list[Step]
    firings: list[Firing]


class OtherTag(Struct, frozen=True, kw_only=True):
    """Any other tag: a target, a sector, a technique ..., with its evidence."""

    kind: str
    name: str
    score: float | None
    evidence: list[Evidence]


class Explanation(Struct, frozen=True, kw_only=True):
    """Everything that can be said about one reading."""

    language: str | None
    analysed: list[str]
    fields: list[FieldView]
    marks: list[Mark]
    attackers: list[ExplainedAttacker]
    not_attackers: list[NotAttacker]
    others: list[OtherTag]
