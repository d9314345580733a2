"""Finds every name and cue of the knowledge in a field: one pass of the automaton, then boundaries, case and guards. Pure."""

from __future__ import annotations

import ahocorasick_rs
from msgspec import Struct

from workers.classify.text import FieldText
from workers.knowledge import Knowledge, Surface

__all__ = ["GEO", "Scanner", "Sentence", "Token"]

GEO = frozenset(("NAME", "DEM", "CAP", "ORGO", "ORG", "ORGA", "PLACE", "HOME", "SPEAKER", "SPEAKED"))
_NAMED = GEO | {"ACTOR", "MALW"}
_WORD = frozenset(
    chr(code) for code in (*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B), *range(0xC0, 0x250))
)
_JOINS = frozenset("./@\\_")
# Sorts of tokens, in the order in which the scanner asks for them.
_SORT_DROPPED, _SORT_ABBREVIATION, _SORT_WORD, _SORT_BREAK = -2, -1, 0, 1
_SORT_MEANING, _SORT_FAMILY, _SORT_NAME, _SORT_NAMED_MEANING = 2, 3, 4, 5
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

    `meanings` are the tokens that tell a sector, an aim, a technique or a family.
    """

    start: int
    end: int
    tokens: list[Token]
    named: bool
    placed: bool
    meanings: list[Token]


class Scanner:
    """The automaton over all forms. Immutable after it is built; safe to share between threads."""

    def __init__(self, knowledge: Knowledge) -> None:
        compiled = knowledge.compiled
        self._surfaces = compiled.surfaces
        self._automaton = ahocorasick_rs.AhoCorasick(
            [surface.text for surface in compiled.surfaces], matchkind=ahocorasick_rs.MatchKind.LeftmostLongest
        )
        self._bounds = tuple(
            (surface.text[0] in _WORD) + 2 * (surface.text[-1] in _WORD) for surface in compiled.surfaces
        )
        self._plain = tuple(
            not (surface.case or surface.guard or surface.cls in _NAMED) for surface in compiled.surfaces
        )
        self._sorts = tuple(_sort(surface) for surface in compiled.surfaces)
        self._words = compiled.words
        self._break = next(surface for surface in compiled.surfaces if surface.cls == "BREAK")
        self._beside = frozenset(compiled.beside)
        self._beside_ja = tuple(word for word in compiled.beside if not word.isascii())
        self._ambiguous = compiled.ambiguous

    def sentences(self, field: FieldText) -> list[Sentence]:
        """The sentences of a field, in order, each with its tokens."""
        out: list[Sentence] = []
        tokens: list[Token] = []
        meanings: list[Token] = []
        start = named = placed = 0
        for token, sort in self._tokens(field):
            if sort == _SORT_BREAK or token.start - start > _SENTENCE_LONGEST:
                if tokens or token.start > start:
                    out.append(Sentence(start, token.start, tokens, named > 0, placed > 0, meanings))
                tokens, meanings, named, placed = [], [], 0, 0
                start = token.end if sort == _SORT_BREAK else token.start
                if sort == _SORT_BREAK:
                    continue
            tokens.append(token)
            if sort >= _SORT_MEANING:
                if sort != _SORT_NAME:
                    meanings.append(token)
                if sort >= _SORT_FAMILY:
                    named += 1
                    placed += sort > _SORT_FAMILY
        if tokens or len(field.plain) > start:
            out.append(Sentence(start, len(field.plain), tokens, named > 0, placed > 0, meanings))
        return out

    def _tokens(self, field: FieldText) -> list[tuple[Token, int]]:
        """The tokens that hold, with their sort; what is taken whole and means nothing is left out."""
        folded = field.folded
        surfaces, bounds, simple, sorts = self._surfaces, self._bounds, self._plain, self._sorts
        size = len(folded)
        out: list[tuple[Token, int]] = []
        for index, start, end in self._automaton.find_matches_as_indexes(folded):
            bound = bounds[index]
            if bound and (
                (bound & 1 and start and folded[start - 1] in _WORD)
                or (bound & 2 and end < size and folded[end] in _WORD)
            ):
                if sorts[index] == _SORT_ABBREVIATION:
                    out.append(
                        (Token(self._break, end - 2, end), _SORT_BREAK)
                    )  # "East. " ends in "st. " and is no abbreviation
                elif " " in surfaces[index].text:
                    out += self._inside(field, start, end - 1)
                continue
            sort = sorts[index]
            if sort >= 0 and (simple[index] or self._holds(field, surfaces[index], start, end)):
                out.append((Token(surfaces[index], start, end), sort))
        return out

    def refused(self, field: FieldText) -> list[Token]:
        """Names that stand in the field and were not taken: guarded, written otherwise, or a phrase that means something else."""
        taken = {(token.start, token.end) for token, _ in self._tokens(field)}
        folded = field.folded + " "
        out: list[Token] = []
        for index, start, end in self._automaton.find_matches_as_indexes(field.folded):
            surface, bound = self._surfaces[index], self._bounds[index]
            if (bound & 1 and start and folded[start - 1] in _WORD) or (bound & 2 and folded[end] in _WORD):
                continue
            if (surface.cls in _NAMED or surface.cls == "SKIPPED") and (start, end) not in taken:
                out.append(Token(surface, start, end))
        return out

    def _inside(self, field: FieldText, base: int, stop: int) -> list[tuple[Token, int]]:
        """What stands inside a long form whose boundary failed."""
        out: list[tuple[Token, int]] = []
        for index, start, end in self._automaton.find_matches_as_indexes(field.folded[base:stop]):
            begin, finish = base + start, base + end
            bound = self._bounds[index]
            if (bound & 1 and begin and field.folded[begin - 1] in _WORD) or (
                bound & 2 and field.folded[finish] in _WORD
            ):
                continue
            sort = self._sorts[index]
            if sort >= 0 and (self._plain[index] or self._holds(field, self._surfaces[index], begin, finish)):
                out.append((Token(self._surfaces[index], begin, finish), sort))
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
        if surface.cls in _NAMED and self._in_address(field.folded, start, end):
            return False
        return not surface.guard or self._guard_lifted(field, surface, start, end)

    def _in_address(self, folded: str, start: int, end: int) -> bool:
        if start and folded[start - 1] in _JOINS and (start == 1 or folded[start - 2] in _WORD):
            run = folded[max(0, start - _RUN_LONGEST) : start].split()[-1:]
            return (
                folded[start - 1] != "/" or not run or "." in run[0] or "//" in run[0]
            )  # "Winnti/PlugX" is no address
        if end + 1 >= len(folded) or folded[end] not in "._@" or folded[end + 1] not in _WORD or folded[end - 1] == ".":
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


def _sort(surface: Surface) -> int:
    meaning = bool(surface.sectors or surface.objectives or surface.techniques or surface.malware)
    if surface.cls in _NAMED:
        if surface.cls == "MALW":
            return _SORT_FAMILY
        return _SORT_NAMED_MEANING if meaning else _SORT_NAME
    plain = _SORT_MEANING if meaning else _SORT_WORD
    return {"SKIPPED": _SORT_DROPPED, "ABBR": _SORT_ABBREVIATION, "BREAK": _SORT_BREAK}.get(surface.cls, plain)
