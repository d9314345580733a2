"""Finds every name and cue of the knowledge in a field: one pass of the automaton, then boundaries, case and guards. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import ahocorasick_rs
from msgspec import Struct

from workers.classify.forms import (
    MARK_NAMED,
    MARK_PLACED,
    NAMED,
    SORT_ABBREVIATION,
    SORT_BREAK,
    SORT_NAME,
    WORD,
    Form,
    bare_form,
    form_of,
)
from workers.classify.guards import Guards
from workers.classify.text import FieldText
from workers.knowledge import Knowledge, Surface

__all__ = ["Scanner", "Sentence", "Token"]

_SENTENCE_LONGEST = 1500
# What the scanner asks of a form, one bit each: a word must not go on before it, nor behind it; where one does, the
# stretch is looked at again; its case or guard is checked; it means nothing and is dropped.
_OPENS, _CLOSES, _INSIDE, _CHECKED, _DROPPED = 1, 2, 4, 8, 16


class Token(Struct, gc=False):
    """A form of the knowledge where it stands in the field."""

    surface: Surface
    start: int
    end: int


class Sentence(Struct, gc=False):
    """A stretch of a field and the tokens in it. `placed`: a country or an actor is among them; `named`: or a family.

    `meanings` are the tokens that tell a sector, an aim, a technique or a family. `marks`: MARK_ bits of all tokens.
    """

    start: int
    end: int
    tokens: Sequence[Token]
    named: bool
    placed: bool
    meanings: Sequence[Token]
    marks: int


_NO_TOKENS: tuple[Token, ...] = ()


class Scanner:
    """The automaton over all forms. Immutable after it is built; safe to share between threads."""

    def __init__(self, knowledge: Knowledge) -> None:
        compiled = knowledge.compiled
        self._automaton = ahocorasick_rs.AhoCorasick(
            [_headed(surface.text) for surface in compiled.surfaces],
            matchkind=ahocorasick_rs.MatchKind.LeftmostLongest,
            store_patterns=False,
            implementation=ahocorasick_rs.Implementation.ContiguousNFA,
        )
        self._forms = tuple(form_of(surface) for surface in compiled.surfaces)
        self._gates = bytes(_gate(form) for form in self._forms)
        bare = [bare_form(surface, compiled.words) for surface in compiled.surfaces]
        self._bare = {index: form for index, form in enumerate(bare) if form}
        self._break = next(form for form in self._forms if form.surface.cls == "BREAK")
        self._guards = Guards(knowledge)
        self._ambiguous = compiled.ambiguous

    def sentences(self, field: FieldText) -> list[Sentence]:
        """The sentences of a field, in order, each with its tokens."""
        out: list[Sentence] = []
        tokens: list[Token] = []
        meanings: list[Token] = []
        start = marks = 0
        for form, begin, end in self._taken(field):
            sort = form.sort
            if sort == SORT_BREAK or begin - start > _SENTENCE_LONGEST:
                if tokens:
                    out.append(_sentence(start, begin, tokens, meanings, marks))
                    tokens, meanings, marks = [], [], 0
                elif begin > start:
                    out.append(Sentence(start, begin, _NO_TOKENS, False, False, _NO_TOKENS, 0))
                start = begin
                if sort == SORT_BREAK:
                    start = end
                    continue
            token = Token(form.surface, begin, end)
            tokens.append(token)
            marks |= form.marks
            if sort and sort != SORT_NAME:
                meanings.append(token)
        if tokens or len(field.plain) > start:
            out.append(_sentence(start, len(field.plain), tokens, meanings, marks))
        return out

    def _taken(self, field: FieldText) -> Iterator[tuple[Form, int, int]]:
        """The forms that hold, from the front; what is taken whole and means nothing is left out."""
        folded = field.folded
        forms, gates, words, holds = self._forms, self._gates, WORD, self._guards.hold
        bare = self._bare
        padded = folded + "\n"  # what stands before the first sign and after the last is no part of a word
        headed = _headed(folded)
        for index, start, end in self._automaton.find_matches_as_indexes(headed):
            gate = gates[index]
            if gate:
                if (gate & _CLOSES and padded[end] in words) or (gate & _OPENS and padded[start - 1] in words):
                    if gate & _INSIDE:
                        yield from self._inside(field, headed, forms[index], (start, end))
                    continue
                if gate & _DROPPED:
                    continue
                if gate & _CHECKED and not holds(field, forms[index].surface, start, end):
                    if index in bare:
                        yield bare[index], start, end
                    continue
            yield forms[index], start, end

    def _inside(
        self, field: FieldText, headed: str, outer: Form, span: tuple[int, int]
    ) -> Iterator[tuple[Form, int, int]]:
        """What stands inside a long form whose boundary failed."""
        base, stop = span
        if outer.sort == SORT_ABBREVIATION:  # "East. " ends in "st. " and is no abbreviation
            yield self._break, stop - 2, stop
            return
        for index, start, end in self._bounded(headed, base, stop - 1):
            form = self._forms[index]
            if form.sort >= 0 and (form.plain or self._guards.hold(field, form.surface, start, end)):
                yield form, start, end

    def _bounded(self, headed: str, base: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """The forms in a stretch of a text that stand there as words of their own."""
        for index, begin, finish in self._automaton.find_matches_as_indexes(headed[base:stop]):
            gate, start, end = self._gates[index], base + begin, base + finish
            goes_on = gate & _OPENS and start and headed[start - 1] in WORD
            if not (goes_on or (gate & _CLOSES and headed[end : end + 1] in WORD)):
                yield index, start, end

    def refused(self, field: FieldText) -> list[Token]:
        """Names that stand in the field and were not taken: guarded, written otherwise, or a phrase that means something else."""
        taken = {(start, end) for _, start, end in self._taken(field)}
        out: list[Token] = []
        for index, start, end in self._bounded(_headed(field.folded), 0, len(field.folded)):
            surface = self._forms[index].surface
            if (surface.cls in NAMED or surface.cls == "SKIPPED") and (start, end) not in taken:
                out.append(Token(surface, start, end))
        return out

    def country_of(self, surface: Surface, folded: str) -> str:
        """The country of a form; where two share it, the context of the text decides."""
        if surface.guard == "ambiguous":
            default, other, context = self._ambiguous[surface.text]
            return other if any(word in folded for word in context) else default
        return surface.country


def _sentence(start: int, end: int, tokens: list[Token], meanings: list[Token], marks: int) -> Sentence:
    return Sentence(start, end, tokens, marks & MARK_NAMED > 0, marks & MARK_PLACED > 0, meanings, marks)


def _headed(folded: str) -> str:
    """The folded text with a capital at the head of each run of ASCII letters; as long as before.

    With the forms written alike, the automaton meets no form in the middle of a word: half of its work, and most of what
    the boundaries refuse.
    """
    return folded.encode("utf-8").title().decode("utf-8")


def _gate(form: Form) -> int:
    return (
        _OPENS * form.opens
        | _CLOSES * form.closes
        | _INSIDE * (form.spaced or form.sort == SORT_ABBREVIATION)
        | _CHECKED * (not form.plain)
        | _DROPPED * (form.sort < 0)
    )
