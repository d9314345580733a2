"""Finds the organisations that a text names as victims, by the noun or legal form in their name. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import re2
from msgspec import Struct

from workers.classify.forms import HARM, MARK_HARM
from workers.classify.mentions import quote
from workers.classify.scanner import Sentence
from workers.classify.sheet import Sheet
from workers.classify.text import FieldText, has_kana
from workers.knowledge import Knowledge
from workers.model import Organisation

__all__ = ["OrganisationFinder"]

_MOST = 12
_READ_MOST = 2500
_HITS_MOST = 60
_WINDOW = 90
_NEAR = 24
_WORDS_MOST = 9
_PLACED = frozenset(("", "in", "of", "in the"))
_STRIP = "\"'()[]{}:;,.!?“”‘’"
_STATE = frozenset(("ORG", "ORGO", "ORGA"))
_KNOWN = _STATE | {"HOME"}
_WORD = r"\p{Lu}[\p{L}\p{N}'’&.\-]*"
_LINK = "of the|for the|of|for|and|&|de|del|du|di|da|für"
_FORM = r"(?:Inc|Ltd|LLC|LLP|Corp|S\.A)\b\.?"
_WORD_ASCII = r"[A-Z][A-Za-z0-9'&.\-]*"
_LEFT = re2.compile(rf"(?:(?:{_WORD}|{_LINK}|the) )+$")
_RIGHT = re2.compile(rf"^(?: (?:(?:{_LINK}) )?{_WORD})*(?:, {_FORM})?")
# The same over bytes: three times as fast, and where all signs are ASCII a byte is a sign.
_LINK_ASCII = _LINK.replace("|für", "")
_LEFT_BYTES = re2.compile(rf"(?:(?:{_WORD_ASCII}|{_LINK_ASCII}|the) )+$".encode())
_RIGHT_BYTES = re2.compile(rf"^(?: (?:(?:{_LINK_ASCII}) )?{_WORD_ASCII})*(?:, {_FORM})?".encode())
_JA = r"[\p{Han}\p{Katakana}ー・A-Za-z0-9&]"


class _Name(Struct, frozen=True):
    text: FieldText
    sentence: Sentence
    start: int
    end: int


class OrganisationFinder:
    """Knows the nouns and legal forms of organisations' names. Immutable; safe to share between threads."""

    def __init__(self, knowledge: Knowledge) -> None:
        compiled = knowledge.compiled
        shapes: Mapping[str, Sequence[str]] = compiled.organisations
        self._classes = compiled.words
        self._harm = frozenset(word for word, cls in compiled.words.items() if cls in HARM)
        self._openers = frozenset(shapes.get("openers", ()))
        self._links = frozenset((*_LINK.split("|"), "the"))
        self._generic = frozenset(shapes.get("generic", ()))
        self._generic_ja = frozenset(shapes.get("generic_ja", ()))
        self._head = re2.compile(rf"\b(?:{_alternatives(shapes, 'heads')})\b")
        self._head_bytes = re2.compile(self._head.pattern.encode())
        self._head_ja = re2.compile(
            rf"(?:{_alternatives(shapes, 'before_ja')}){_JA}{{2,20}}|{_JA}{{1,20}}(?:{_alternatives(shapes, 'heads_ja')})"
        )

    def find(self, sheet: Sheet) -> list[Organisation]:
        """The organisations named as victims, in the order of the text; each once."""
        out: dict[str, Organisation] = {}
        self._add_known(sheet, out)
        for text, sentences in sheet.by_field:
            for found in self._names(text, sentences):
                written = text.original[found.start : found.end]
                if len(out) < _MOST and not any(written in held or held in written for held in out):
                    out[written] = _organisation(found, written, sheet)
        return list(out.values())

    def _add_known(self, sheet: Sheet, out: dict[str, Organisation]) -> None:
        """Organisations of the lists that a rule names as acted upon."""
        for country, mention in sheet.countries:
            token, text = mention.token, mention.text
            if mention.role != "target" or token.surface.cls not in _KNOWN:
                continue
            sectors = token.surface.sectors
            written = text.original[token.start : token.end]
            out.setdefault(
                written,
                Organisation(
                    name=written,
                    country=country or None,
                    sector=sectors[0][0] if sectors else "government" if token.surface.cls in _STATE else None,
                    evidence=[quote(text, token.start, token.end, "organisation.known")],
                ),
            )

    def _names(self, text: FieldText, sentences: Sequence[Sentence]) -> list[_Name]:
        starts: list[int] = []
        out: list[_Name] = []
        plain = text.plain[:_READ_MOST]
        japanese = has_kana(plain)
        if not any(map(_harmed, sentences)) and (japanese or self._harm.isdisjoint(_words(text.folded))):
            return out
        for start, end in self._heads_in(plain, japanese=japanese):
            starts = starts or [sentence.start for sentence in sentences]
            sentence = sentences[max(0, bisect_right(starts, start) - 1)]
            if end > sentence.end or (out and out[-1].text is text and start < out[-1].end):
                continue
            found = self._japanese(text, sentence, start, end) if japanese else self._grown(text, sentence, start, end)
            if found is not None:
                out.append(found)
        return out

    def _heads_in(self, plain: str, *, japanese: bool) -> Iterator[tuple[int, int]]:
        """Where the nouns of organisations' names stand."""
        if plain.isascii():
            for found in islice(self._head_bytes.finditer(plain.encode("ascii")), _HITS_MOST):
                yield found.span()
            return
        pattern = self._head_ja if japanese else self._head
        for found in islice(pattern.finditer(plain), _HITS_MOST):
            yield found.span()

    def _japanese(self, text: FieldText, sentence: Sentence, start: int, end: int) -> _Name | None:
        if text.plain[start:end] in self._generic_ja or any(
            text.plain[start:end].startswith(word) for word in self._generic_ja
        ):
            return None
        found = _Name(text, sentence, start, end)
        return found if _harmed(sentence) and not _acts(found) else None

    def _grown(self, text: FieldText, sentence: Sentence, start: int, end: int) -> _Name | None:
        """The whole name around its noun, where its sentence makes it a victim."""
        plain = text.plain
        before, after = (
            plain[max(sentence.start, start - _WINDOW) : start],
            plain[end : min(sentence.end, end + _WINDOW)],
        )
        begin, finish = start - _before(before), end + _behind(after)
        words = plain[begin:finish].split(" ")
        while len(words) > 1 and begin < start and self._opens(words[0]):
            begin += len(words.pop(0)) + 1
        finish = max(end, begin + len(plain[begin:finish].rstrip(_STRIP).removesuffix("'s").removesuffix("’s")))
        name = plain[begin:finish]
        if name.lower() in self._generic or not 2 <= name.count(" ") + 1 <= _WORDS_MOST:
            return None
        found = _Name(text, sentence, begin, finish)
        return found if not name.endswith(" of") and self._is_victim(found) else None

    def _opens(self, word: str) -> bool:
        """Whether a capital at the front of a run is that of a sentence and no part of a name."""
        bare = word.strip(_STRIP).lower()
        return bare in self._openers or bare in self._links or self._classes.get(bare, "") in HARM

    def _is_victim(self, found: _Name) -> bool:
        folded = found.text.folded
        before = folded[max(found.sentence.start, found.start - 2 * _NEAR) : found.start].split()[-4:]
        after = folded[found.end : min(found.sentence.end, found.end + 2 * _NEAR)].split()[:6]
        if "by" in before[-2:] or "according" in before or any(self._class(word) == "BIZ" for word in before):
            return False
        if _acts(found):
            return False
        first = self._class(after[0]) if after else ""
        if first in {"SAY", "ACC", "BIZ"} and not {"it", "its"}.intersection(after):
            return False
        return _harmed(found.sentence) or not self._harm.isdisjoint(
            _words(folded[found.sentence.start : found.sentence.end])
        )

    def _class(self, word: str) -> str:
        return self._classes.get(word.strip(_STRIP), "")


def _before(text: str) -> int:
    """How many signs at the end of `text` belong to a name that goes on behind it."""
    if not text.endswith(" "):
        return 0
    found = _LEFT_BYTES.search(text.encode("ascii")) if text.isascii() else _LEFT.search(text)
    return len(found.group()) if found else 0


def _behind(text: str) -> int:
    """How many signs at the front of `text` belong to a name that begins before it."""
    if not text.startswith((" ", ",")):
        return 0
    found = _RIGHT_BYTES.search(text.encode("ascii")) if text.isascii() else _RIGHT.search(text)
    return len(found.group()) if found else 0


def _organisation(found: _Name, written: str, sheet: Sheet) -> Organisation:
    """The organisation with the sector that its name tells and the country in its name or right behind it."""
    country, sector = None, None
    places = {mention.token.start: code for code, mention in sheet.countries if mention.text is found.text}
    for token in found.sentence.tokens:
        inside = found.start <= token.start and token.end <= found.end
        if inside and token.surface.sectors:
            sector = token.surface.sectors[0][0]
        code = places.get(token.start)
        if code and country is None:
            gap = found.text.folded[found.end : token.start].strip(" ,(") if token.start >= found.end else "-"
            if inside or gap in _PLACED:
                country = code
    return Organisation(
        name=written,
        country=country,
        sector=sector,
        evidence=[quote(found.text, found.start, found.end, "organisation.name")],
    )


def _harmed(sentence: Sentence) -> bool:
    return sentence.marks & MARK_HARM > 0


def _words(folded: str) -> Iterator[str]:
    return (word.strip(_STRIP) for word in folded.split())


def _acts(found: _Name) -> bool:
    """Whether the name is, or holds, that of an actor or a family."""
    return any(
        token.surface.cls in {"ACTOR", "MALW"} and token.start < found.end and found.start < token.end
        for token in found.sentence.tokens
    )


def _alternatives(shapes: Mapping[str, Sequence[str]], key: str) -> str:
    words = sorted(shapes.get(key, ()), key=len, reverse=True)
    return "|".join(re2.escape(word) for word in words) or r"\b\B"
