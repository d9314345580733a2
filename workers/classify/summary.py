"""Picks sentences of the text: what the attackers do, what it means, what helps. Nothing is written here. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import ahocorasick_rs

from workers.classify.scanner import Sentence
from workers.classify.text import FieldText
from workers.model import Summary

__all__ = ["Picker"]

_MOST = 5
_LONGEST = 600
_SHORTEST = 12


class Picker:
    """Knows the words that make a sentence an implication or a mitigation. Immutable."""

    def __init__(self, implications: Sequence[str], mitigations: Sequence[str]) -> None:
        words = (*implications, *mitigations)
        self._implications = len(implications)
        self._automaton = ahocorasick_rs.AhoCorasick(list(words), matchkind=ahocorasick_rs.MatchKind.LeftmostLongest)

    def summarise(
        self,
        title: str | None,
        active: Sequence[tuple[FieldText, Sentence]],
        sentences: Sequence[tuple[FieldText, Sentence]],
    ) -> Summary:
        """`active` are the sentences with an attacker's reading; the rest is picked by words."""
        implied: list[tuple[FieldText, Sentence]] = []
        helping: list[tuple[FieldText, Sentence]] = []
        for text, sentence in sentences:
            if len(implied) >= _MOST and len(helping) >= _MOST:
                break
            if text.name == "title":
                continue
            found = {
                index < self._implications
                for index, _, _ in self._automaton.find_matches_as_indexes(text.folded[sentence.start : sentence.end])
            }
            if True in found and len(implied) < _MOST:
                implied.append((text, sentence))
            if False in found and len(helping) < _MOST:
                helping.append((text, sentence))
        return Summary(
            title=title or None, activity=_texts(active), implications=_texts(implied), mitigations=_texts(helping)
        )


def _texts(found: Sequence[tuple[FieldText, Sentence]]) -> list[str]:
    out: dict[str, None] = {}
    for text, sentence in found:
        picked = text.original[sentence.start : min(sentence.end + 1, sentence.start + _LONGEST)].strip()
        if len(picked) >= _SHORTEST:
            out[picked] = None
        if len(out) >= _MOST:
            break
    return list(out)
