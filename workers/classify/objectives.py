"""Says which attacker is after what: the aims named in the clauses and sentences that blame it. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias, cast

from workers.classify import scoring
from workers.classify.forms import MARK_AIM
from workers.classify.mentions import quote
from workers.classify.scanner import Sentence
from workers.classify.text import FieldText
from workers.model import Evidence, Objective, ObjectiveId

__all__ = ["aims_of_attackers"]

_EVIDENCE_MOST = 3
_SAME_SENTENCE = 0.8
_ELSEWHERE = 0.6
# How many sentences on "the group" or "the code" still speaks of the attacker named last.
_RESUMED = 2
_CLAUSE_ENDS = (", ", "; ", " while ", " whereas ", " but ", "、", "一方")
# A clause in front that only gives the purpose or the means of the clause behind it.
_LEANING = ("to ", "in order ", "for ", "by ", "using ", "with ", "in ", "on ", "after ", "as ")

Place: TypeAlias = tuple[int, int]
_Aims: TypeAlias = dict[str, list[Evidence]]


class _Carried:
    """Whom the sentences read last blame, as far as a sentence that names nobody may resume them."""

    def __init__(self) -> None:
        self.keys: frozenset[int] = frozenset()
        self.field = ""
        self.number = 0

    def note(self, keys: frozenset[int], text: FieldText, number: int) -> None:
        self.keys, self.field, self.number = keys, text.name, number

    def resumed(self, text: FieldText, number: int) -> frozenset[int]:
        near = text.name == self.field and number - self.number <= _RESUMED
        return self.keys if near and len(self.keys) == 1 else frozenset()


def aims_of_attackers(
    blamed: Mapping[int, frozenset[Place]], sentences: Sequence[tuple[FieldText, Sentence]]
) -> dict[int, list[Objective]]:
    """The aims of each attacker: of its own clauses first, then of the sentences that go on about it.

    `blamed` gives the places (sentence, offset) at which each attacker is named. An attacker alone in the text has every aim of the text.
    """
    if not blamed:
        return {}
    near: dict[int, _Aims] = {key: {} for key in blamed}
    far: dict[int, _Aims] = {key: {} for key in blamed}
    everyone = frozenset(blamed)
    by_sentence: dict[int, list[tuple[int, int]]] = {}
    for key, places in blamed.items():
        for number, start in places:
            by_sentence.setdefault(number, []).append((start, key))
    carried = _Carried()
    for number, (text, sentence) in enumerate(sentences):
        telling = sentence.marks & MARK_AIM
        if number in by_sentence:
            named = sorted(by_sentence[number])
            keys = frozenset(key for _, key in named)
            if telling:
                _add_by_clause(text, sentence, (named, carried.keys - keys, len(everyone) > 1), near)
            carried.note(keys, text, number)
        elif telling:
            _add(text, sentence, everyone if len(everyone) == 1 else carried.resumed(text, number), far)
    return {key: _objectives(near[key], far[key]) for key in blamed}


def _add(text: FieldText, sentence: Sentence, keys: frozenset[int], into: dict[int, _Aims]) -> None:
    for key in keys:
        for token in sentence.meanings:
            for aim in token.surface.objectives:
                _keep(into[key], aim, quote(text, token.start, token.end, "lexicon.objective"))


def _keep(aims: _Aims, aim: str, evidence: Evidence) -> None:
    places = aims.setdefault(aim, [])
    if len(places) < _EVIDENCE_MOST:
        places.append(evidence)


def _add_by_clause(
    text: FieldText,
    sentence: Sentence,
    setting: tuple[list[tuple[int, int]], frozenset[int], bool],
    into: dict[int, _Aims],
) -> None:
    """Gives each aim to those whom its clause names; else to those of the clause before; else to those of the sentence.

    A first clause that stands by itself and names nobody goes on about those that only the sentence before names.
    """
    named, before, several = setting
    whole = frozenset(key for _, key in named)
    bounds = _clauses(text, sentence, named[0][0]) if several else [(sentence.start, sentence.end)]
    ends = [end for _, end in bounds]
    owners = _owners(ends, named)
    for token in sentence.meanings:
        if not token.surface.objectives:
            continue
        keys = owners[min(bisect_right(ends, token.start), len(ends) - 1)]
        if not keys:
            head = text.folded[sentence.start : bounds[0][1]].lstrip()
            keys = before if before and not head.startswith(_LEANING) else whole
        for key in keys:
            for aim in token.surface.objectives:
                _keep(into[key], aim, quote(text, token.start, token.end, "lexicon.objective"))


def _owners(ends: Sequence[int], named: Sequence[tuple[int, int]]) -> list[frozenset[int]]:
    """Whom each clause names, or else the clause before it. Both are sorted: one pass, however many there are."""
    out: list[frozenset[int]] = []
    keys: frozenset[int] = frozenset()
    at = 0
    for end in ends:
        first = at
        while at < len(named) and named[at][0] < end:
            at += 1
        keys = frozenset(key for _, key in named[first:at]) or keys
        out.append(keys)
    return out


def _clauses(text: FieldText, sentence: Sentence, first: int) -> list[tuple[int, int]]:
    """The stretches between commas, colons and the words that set clauses against each other.

    A colon in front of the `first` name parts nothing: what stands before it is a heading over that name.
    """
    folded = text.folded
    cuts = {sentence.start, sentence.end + 1}
    for sign, begin in ((": ", first), *((sign, sentence.start) for sign in _CLAUSE_ENDS)):
        found = folded.find(sign, begin, sentence.end)
        while found >= 0:
            cuts.add(found + 1)
            found = folded.find(sign, found + 1, sentence.end)
    ordered = sorted(cuts)
    return list(pairwise(ordered))


def _objectives(near: _Aims, far: _Aims) -> list[Objective]:
    found: dict[str, Objective] = {}
    for aims, score in ((near, _SAME_SENTENCE), (far, _ELSEWHERE)):
        for aim, evidence in aims.items():
            found.setdefault(
                aim, Objective(id=cast("ObjectiveId", aim), score=scoring.calibrated(score), evidence=evidence)
            )
    return sorted(found.values(), key=lambda objective: (-objective.score, objective.id))
