"""Picks sentences of the text: what the attackers do, what it means, what helps. Nothing is written here. Pure."""

from __future__ import annotations

from bisect import bisect_right
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
        implied: dict[int, tuple[FieldText, Sentence]] = {}
        helping: dict[int, tuple[FieldText, Sentence]] = {}
        starts: dict[str, list[int]] = {}
        listed: dict[str, list[tuple[FieldText, Sentence]]] = {}
        for entry in sentences:
            starts.setdefault(entry[0].name, []).append(entry[1].start)
            listed.setdefault(entry[0].name, []).append(entry)
        for name, group in listed.items():
            if name == "title":
                continue
            for index, start, _ in self._automaton.find_matches_as_indexes(group[0][0].folded):
                wanted = implied if index < self._implications else helping
                if len(wanted) < _MOST:
                    place = bisect_right(starts[name], start) - 1
                    wanted.setdefault(place, group[max(place, 0)])
                elif len(implied) >= _MOST and len(helping) >= _MOST:
                    break
        return Summary(
            title=title or None,
            activity=_texts(active),
            implications=_texts(list(implied.values())),
            mitigations=_texts(list(helping.values())),
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
