"""Picks sentences of the text: what the attackers do, what it means, what helps. Nothing is written here. Pure.

A sentence stands in one list only: in that of the heading above it ("Implications", "Recommendations"), else among what the
attackers do, else where its words put it. What the attackers do are the sentences that blame them or tell their aims.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import ahocorasick_rs

from workers.classify.scanner import Sentence
from workers.classify.sheet import Sheet
from workers.classify.text import FieldText
from workers.model import Attacker, Summary

__all__ = ["Picker"]

_MOST = 6
_ACTIVITY_MOST = 10
_LONGEST = 600
_SHORTEST = 12
_HEADING_LONGEST = 48
_HEADING_WORDS_MOST = 5
_BULLETS = ("* ", "- ", "+ ", "• ", "・", "#", "> ")

Sentences: TypeAlias = Sequence[tuple[FieldText, Sentence]]
ByField: TypeAlias = Sequence[tuple[FieldText, Sequence[Sentence]]]


class Picker:
    """Knows the words that make a sentence an implication or a mitigation. Immutable."""

    def __init__(self, implications: Sequence[str], mitigations: Sequence[str]) -> None:
        words = (*implications, *mitigations)
        self._implications = len(implications)
        self._automaton = ahocorasick_rs.AhoCorasick(
            list(words),
            matchkind=ahocorasick_rs.MatchKind.LeftmostLongest,
            store_patterns=False,
            implementation=ahocorasick_rs.Implementation.DFA,
        )

    def summarise(
        self, title: str | None, active: Iterable[int], sheet: Sheet, attackers: Sequence[Attacker]
    ) -> Summary:
        """`active` are the numbers of the sentences that blame somebody."""
        sentences = sheet.sentences
        acting = {*active, *_telling(sheet.by_field, attackers)}
        implied: dict[int, bool] = {}
        helping: dict[int, bool] = {}
        for number, is_implication in self._matches(sheet.by_field):
            wanted = implied if is_implication else helping
            if len(wanted) >= _MOST or number in wanted:
                continue
            if _is_heading(*sentences[number]):
                wanted |= dict.fromkeys(_below(sentences, number), True)
            elif number not in acting:
                wanted[number] = False
        if not (acting or implied or helping):
            return Summary(title=title or None)
        headed = {number for picked in (implied, helping) for number, is_headed in picked.items() if is_headed}
        activity = [number for number in sorted(acting - headed) if not _is_heading(*sentences[number])]
        return Summary(
            title=title or None,
            activity=_texts(sentences, activity, _ACTIVITY_MOST),
            implications=_texts(sentences, _without(implied, helping, tie=False), _MOST),
            mitigations=_texts(sentences, _without(helping, implied, tie=True), _MOST),
        )

    def _matches(self, by_field: ByField) -> Iterator[tuple[int, bool]]:
        """The number of each sentence with such a word, and whether the word tells of an implication. Titles tell of neither."""
        first = 0
        for text, group in by_field:
            folded = text.folded
            starts: list[int] = []
            for index, start, _ in self._automaton.find_matches_as_indexes(folded) if text.name != "title" else ():
                if start and folded[start].isascii() and folded[start - 1].isalnum():
                    continue
                starts = starts or [sentence.start for sentence in group]
                yield first + max(bisect_right(starts, start) - 1, 0), index < self._implications
            first += len(group)


def _without(own: Mapping[int, bool], other: Mapping[int, bool], *, tie: bool) -> list[int]:
    """The numbers of `own` without those that the other list has the better claim to: by a heading, else by `tie`."""
    return [number for number in sorted(own) if number not in other or (own[number], tie) > (other[number], not tie)]


def _telling(by_field: ByField, attackers: Sequence[Attacker]) -> Iterator[int]:
    """The sentences in which an attacker's aims stand."""
    places = [row for attacker in attackers for aim in attacker.objectives for row in aim.evidence]
    if not places:
        return
    first = 0
    for text, group in by_field:
        starts = [sentence.start for sentence in group]
        for row in places:
            if row.field == text.name:
                yield first + max(bisect_right(starts, row.start) - 1, 0)
        first += len(group)


def _is_heading(text: FieldText, sentence: Sentence) -> bool:
    """A line with a hash before it, or a short one that ends in no stop."""
    start, end = sentence.start, sentence.end
    if end - start > _HEADING_LONGEST:
        return text.original[start : start + 8].lstrip().startswith("#")
    line = text.plain[start:end].strip()
    if text.original[start:end].lstrip().startswith("#"):
        return True
    alone = text.plain[end : end + 1] in {"\n", ""} and not text.plain[:start].rstrip(" ")[-1:].strip()
    return (
        alone and 0 < len(line.split()) <= _HEADING_WORDS_MOST and line[-1].isalpha() and not line.startswith(_BULLETS)
    )


def _below(sentences: Sentences, heading: int) -> Iterator[int]:
    """The sentences between a heading and the next one in its field."""
    text = sentences[heading][0]
    for number in range(heading + 1, min(heading + 1 + 2 * _MOST, len(sentences))):
        if sentences[number][0] is not text or _is_heading(*sentences[number]):
            return
        yield number


def _texts(sentences: Sentences, numbers: Iterable[int], most: int) -> list[str]:
    out: dict[str, None] = {}
    for number in numbers:
        picked = _written(*sentences[number])
        if len(picked) >= _SHORTEST:
            out[picked] = None
        if len(out) >= most:
            break
    return list(out)


def _written(text: FieldText, sentence: Sentence) -> str:
    """The sentence as given, without a bullet before it, and without tags where it has any."""
    stop = min(sentence.end + 1, sentence.start + _LONGEST)
    picked = text.original[sentence.start : stop]
    if "<" in picked:
        picked = " ".join(text.plain[sentence.start : stop].split())
    picked = picked.strip()
    while picked.startswith(_BULLETS):
        picked = picked[1:].lstrip()
    return picked
