"""Finds every name and cue of the knowledge in a field: one pass of the automaton, then boundaries, case and guards. Pure."""

from __future__ import annotations

import ahocorasick_rs
from msgspec import Struct

from workers.classify.forms import (
    NAMED,
    SORT_ABBREVIATION,
    SORT_BREAK,
    SORT_FAMILY,
    SORT_MEANING,
    SORT_NAME,
    WORD,
    Form,
    form_of,
)
from workers.classify.text import FieldText
from workers.knowledge import Knowledge, Surface

__all__ = ["Scanner", "Sentence", "Token"]

_JOINS = frozenset("./@\\_")
_SENTENCE_LONGEST = 1500
_NEAR = 28
# A program's name with its ending is still the program: certutil.exe.
_PROGRAM_ENDINGS = (".exe", ".dll", ".py", ".ps1", ".vbs")
_SHOUTED_MINIMUM = 5
_RUN_LONGEST = 60
_SMALL_WORDS = frozenset(
    (
        "of",
        "the",
        "and",
        "for",
        "in",
        "group",
        "team",
        "gang",
        "apt",
        "ransomware",
        "collective",
        "crew",
        "hackers",
        "family",
        "malware",
        "rat",
        "backdoor",
        "loader",
        "stealer",
        "bot",
        "worm",
        "trojan",
        "al",
        "de",
        "da",
    )
)
_RANSOM_WORDS = frozenset(("ransomware", "gang", "ransom", "locker"))
_STRIP = "\"'()[]{}:;,.!?“”‘’「」、。<>"


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
    tokens: list[Token]
    named: bool
    placed: bool
    meanings: list[Token]
    marks: int


class Scanner:
    """The automaton over all forms. Immutable after it is built; safe to share between threads."""

    def __init__(self, knowledge: Knowledge) -> None:
        compiled = knowledge.compiled
        self._automaton = ahocorasick_rs.AhoCorasick(
            [surface.text for surface in compiled.surfaces],
            matchkind=ahocorasick_rs.MatchKind.LeftmostLongest,
            store_patterns=False,
            implementation=ahocorasick_rs.Implementation.ContiguousNFA,
        )
        self._forms = tuple(form_of(surface) for surface in compiled.surfaces)
        self._words = compiled.words
        self._break = next(form for form in self._forms if form.surface.cls == "BREAK")
        self._beside = frozenset(compiled.beside)
        self._beside_ja = tuple(word for word in compiled.beside if not word.isascii())
        self._ambiguous = compiled.ambiguous

    def sentences(self, field: FieldText) -> list[Sentence]:
        """The sentences of a field, in order, each with its tokens."""
        out: list[Sentence] = []
        tokens: list[Token] = []
        meanings: list[Token] = []
        start = highest = marks = 0
        for token, form in zip(*self._tokens(field), strict=True):
            sort = form.sort
            if sort == SORT_BREAK or token.start - start > _SENTENCE_LONGEST:
                stop = token.start
                if tokens or stop > start:
                    out.append(
                        Sentence(start, stop, tokens, highest > SORT_MEANING, highest > SORT_FAMILY, meanings, marks)
                    )
                tokens, meanings, highest, marks = [], [], 0, 0
                start = stop
                if sort == SORT_BREAK:
                    start = token.end
                    continue
            tokens.append(token)
            marks |= form.marks
            if sort:
                if sort != SORT_NAME:
                    meanings.append(token)
                highest = max(highest, sort)
        if tokens or len(field.plain) > start:
            out.append(
                Sentence(
                    start, len(field.plain), tokens, highest > SORT_MEANING, highest > SORT_FAMILY, meanings, marks
                )
            )
        return out

    def _tokens(self, field: FieldText) -> tuple[list[Token], list[Form]]:
        """The tokens that hold, with their forms; what is taken whole and means nothing is left out."""
        padded = field.folded + "\n"  # what stands before the first sign and after the last is no part of a word
        forms, words = self._forms, WORD
        tokens: list[Token] = []
        held: list[Form] = []
        for index, start, end in self._automaton.find_matches_as_indexes(field.folded):
            form = forms[index]
            if (form.opens and padded[start - 1] in words) or (form.closes and padded[end] in words):
                if form.sort == SORT_ABBREVIATION:  # "East. " ends in "st. " and is no abbreviation
                    tokens.append(Token(self._break.surface, end - 2, end))
                    held.append(self._break)
                elif form.spaced:
                    for token, inner in self._inside(field, start, end - 1):
                        tokens.append(token)
                        held.append(inner)
            elif form.sort >= 0 and (form.plain or self._holds(field, form.surface, start, end)):
                tokens.append(Token(form.surface, start, end))
                held.append(form)
        return tokens, held

    def refused(self, field: FieldText) -> list[Token]:
        """Names that stand in the field and were not taken: guarded, written otherwise, or a phrase that means something else."""
        taken = {(token.start, token.end) for token in self._tokens(field)[0]}
        padded = field.folded + "\n"
        out: list[Token] = []
        for index, start, end in self._automaton.find_matches_as_indexes(field.folded):
            form = self._forms[index]
            surface = form.surface
            if (form.opens and padded[start - 1] in WORD) or (form.closes and padded[end] in WORD):
                continue
            if (surface.cls in NAMED or surface.cls == "SKIPPED") and (start, end) not in taken:
                out.append(Token(surface, start, end))
        return out

    def _inside(self, field: FieldText, base: int, stop: int) -> list[tuple[Token, Form]]:
        """What stands inside a long form whose boundary failed."""
        padded = field.folded + "\n"
        out: list[tuple[Token, Form]] = []
        for index, start, end in self._automaton.find_matches_as_indexes(field.folded[base:stop]):
            form, begin, finish = self._forms[index], base + start, base + end
            if (form.opens and padded[begin - 1] in WORD) or (form.closes and padded[finish] in WORD):
                continue
            if form.sort >= 0 and (form.plain or self._holds(field, form.surface, begin, finish)):
                out.append((Token(form.surface, begin, finish), form))
        return out

    def _holds(self, field: FieldText, surface: Surface, start: int, end: int) -> bool:
        plain = field.plain
        if surface.case == 1:
            first = plain[start]
            if not (first.isupper() or first.isdigit()):
                return False
        elif surface.case == 3:
            if not _is_title(plain[start:end]):
                return False
        elif surface.case and (plain[start:end] not in surface.exact or (start and plain[start - 1] == "-")):
            return False
        if surface.cls in NAMED and self._in_address(field.folded, start, end):
            return False
        return not surface.guard or self._guard_lifted(field, surface, start, end)

    def _in_address(self, folded: str, start: int, end: int) -> bool:
        if start and folded[start - 1] in _JOINS and (start == 1 or folded[start - 2] in WORD):
            run = folded[max(0, start - _RUN_LONGEST) : start].split()[-1:]
            return (
                folded[start - 1] != "/" or not run or "." in run[0] or "//" in run[0]
            )  # "Winnti/PlugX" is no address
        if end + 1 >= len(folded) or folded[end] not in "._@" or folded[end + 1] not in WORD or folded[end - 1] == ".":
            return False
        return not folded.startswith(_PROGRAM_ENDINGS, end)

    def _guard_lifted(self, field: FieldText, surface: Surface, start: int, end: int) -> bool:
        if surface.guard == "beside":
            return self._has_setting(field, start, end)
        if surface.guard == "ransom":
            return self._beside_ransom(field.folded, start, end)
        if surface.guard == "person":
            return not self._after_given_name(field, start)
        return True

    def _has_setting(self, field: FieldText, start: int, end: int) -> bool:
        folded, plain = field.folded, field.plain
        if self._is_shouted(plain, start, end):
            return True
        if field.name == "title" and end - start >= len(plain.strip()) - 2:
            return True  # a heading that is nothing but the name
        after = folded[end : end + _NEAR]
        if after.startswith(("'s ", ", a ", ", the ")):
            after = after.split(" ", 1)[1]
        following = after.split()[:2]
        if (
            len(following) > 1
            and plain[end : end + _NEAR].split()[0][:1].isupper()
            and following[0].strip(_STRIP) not in self._beside
        ):
            following = []  # the next word is a name of its own: "Copper Otter gang"
        near = [*folded[max(0, start - _NEAR) : start].split()[-1:], *following]
        if any(word.strip(_STRIP) in self._beside for word in near):
            return True
        return bool(self._beside_ja) and any(word in folded[max(0, start - 10) : end + 12] for word in self._beside_ja)

    def _is_shouted(self, plain: str, start: int, end: int) -> bool:
        """A name in capitals among words that are not: BARIUM, POLONIUM."""
        if end - start < _SHOUTED_MINIMUM or not plain[start:end].isupper():
            return False
        after = plain[end : end + _NEAR].split()[:1]
        return bool(after) and not after[0].isupper()

    def _beside_ransom(self, folded: str, start: int, end: int) -> bool:
        before = folded[max(0, start - _NEAR) : start].split()[-1:]
        after = folded[end : end + _NEAR].split()[:1]
        return (
            any(word.strip(_STRIP) in _RANSOM_WORDS for word in (*before, *after))
            or folded[end : end + 4] == "ランサム"
        )

    def _after_given_name(self, field: FieldText, start: int) -> bool:
        before = field.plain[max(0, start - _NEAR) : start]
        if not before.endswith(" ") or not before.strip():
            return False
        word = before.split()[-1]
        return (
            word[0].isupper()
            and word[-1].isalpha()
            and word.lower() not in self._words
            and len(word) > 1
            and not word.isupper()
        )

    def country_of(self, surface: Surface, folded: str) -> str:
        """The country of a form; where two share it, the context of the text decides."""
        if surface.guard == "ambiguous":
            default, other, context = self._ambiguous[surface.text]
            return other if any(word in folded for word in context) else default
        return surface.country


def _is_title(written: str) -> bool:
    words = written.replace("-", " ").split()
    return (
        all(word[0].isupper() or word[0].isdigit() or not word[0].isalpha() or word in _SMALL_WORDS for word in words)
        and bool(words)
        and not words[0][0].islower()
    )
