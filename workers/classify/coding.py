"""Writes a sentence as one letter per token, the form that the role patterns read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from workers.classify.scanner import Sentence, Token
from workers.classify.text import FieldText
from workers.knowledge.spelling import fold

__all__ = ["Coded", "Coder"]

_STRIP = "\"'()[]{}:;,.!?“”‘’«»…*"
_TOKENS_MOST = 400
_KANJI_PER_WORD = 4
_REMEMBERED_MOST = 40_000
_WORD_LONGEST = 24

# A token with its letter, or the words of a gap with the letters of each: start, end, owner, words, letters.
_Part: TypeAlias = tuple[int, int, "Token | None", "list[str] | None", "str | list[str]"]


class Coded:
    """A sentence in letters. `starts`, `ends` and `owners` run beside `code`; an owner is a token of the knowledge or None.

    Where the letters stand is worked out when it is asked for: on every second sentence no rule fires, and nobody asks.
    """

    __slots__ = ("_ends", "_owners", "_parts", "_starts", "code", "field")

    def __init__(self, field: FieldText, code: bytes, parts: Sequence[_Part]) -> None:
        self.field = field
        self.code = code
        self._parts = parts
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._owners: list[Token | None] = []

    @property
    def starts(self) -> list[int]:
        """Where each letter's word starts in the field."""
        if not self._starts:
            self._place()
        return self._starts

    @property
    def ends(self) -> list[int]:
        """Where each letter's word ends in the field."""
        if not self._ends:
            self._place()
        return self._ends

    @property
    def owners(self) -> list[Token | None]:
        """The token that each letter stands for, if one does."""
        if not self._owners:
            self._place()
        return self._owners

    def _place(self) -> None:
        starts, ends, owners = self._starts, self._ends, self._owners
        plain = self.field.plain
        for start, end, owner, words, letters in self._parts:
            if words is None:
                count = len(letters)
                starts += [start] * count
                ends += [end] * count
                owners += [owner] * count
                continue
            at = start
            for word, letter in zip(words, letters, strict=True):
                at = plain.find(word, at)
                count = len(letter)
                starts += [at] * count
                at += len(word)
                ends += [at] * count
            owners += [None] * (len(starts) - len(owners))


class Coder:
    """Knows the letters of the classes and the classes of the words.

    Immutable but for a bounded memory of words already read, which changes the cost and never the answer.
    """

    def __init__(self, letters: Mapping[str, str], words: Mapping[str, str]) -> None:
        self._letters = dict(letters)
        self._word_letters = {word: letters.get(cls, "") for word, cls in words.items()}
        self._other = letters["OTHER"]
        self._capital = letters["CAPW"]
        self._comma = letters["COMMA"]
        self._possessive = letters["POSS"]
        self._stop = letters["STOP"]
        self._begin = letters["START"]
        self._read: dict[str, str] = dict(self._word_letters)

    def encode(self, field: FieldText, sentence: Sentence, *, japanese: bool) -> Coded:
        """The sentence in letters, cut at a fixed number of tokens."""
        position = sentence.start
        parts: list[_Part] = [(position, position, None, None, self._begin)]
        letters = [self._begin]
        known, other = self._letters, self._other
        plain = field.plain
        for token in sentence.tokens:
            start, end = token.start, token.end
            if start > position and plain[position:start] != " ":
                self._add_gap(plain, (position, start), (letters, parts), japanese=japanese)
            position = end
            letter = known.get(token.surface.cls, other)
            letters.append(letter)
            parts.append((start, end, token, None, letter))
            if len(letters) > _TOKENS_MOST:
                break
        else:
            self._add_gap(plain, (position, sentence.end), (letters, parts), japanese=japanese)
        letters.append(self._stop)
        parts.append((sentence.end, sentence.end, None, None, self._stop))
        return Coded(field, "".join(letters).encode("ascii"), parts)

    def _add_gap(
        self, plain: str, span: tuple[int, int], into: tuple[list[str], list[_Part]], *, japanese: bool
    ) -> None:
        """The words between two tokens; Japanese ones have no ends and are counted by their signs."""
        gap = plain[span[0] : span[1]]
        letters, parts = into
        if japanese and not gap.isascii():
            count = (len(gap.strip()) + _KANJI_PER_WORD - 1) // _KANJI_PER_WORD
            letters.append(self._other * count)
            parts.append((*span, None, None, self._other * count))
            return
        words = gap.split()
        if not words:
            return
        known = self._read
        read = [known[word] if word in known else self._letters_of(word) for word in words]
        letters += read
        parts.append((*span, None, words, read))

    def _letters_of(self, word: str) -> str:
        """The letters of a word not seen before, which is then remembered."""
        if word.isalpha():
            letter = self._word_letters.get(word.lower(), self._capital) if word[0].isupper() else self._other
        else:
            letter = self._marked(word)
        if len(word) <= _WORD_LONGEST and len(self._read) < _REMEMBERED_MOST:
            self._read[word] = letter
        return letter

    def _marked(self, word: str) -> str:
        """The letters of a word with other signs than letters in it; a comma after it is a letter of its own."""
        key = fold(word.strip(_STRIP))
        letter = ""
        if key:
            known = self._word_letters.get(key)
            letter = self._unlisted(word, key) if known is None else known
        return letter + self._comma if word[-1] == "," else letter

    def _unlisted(self, word: str, key: str) -> str:
        if key == "s" and word[0] in "'’":
            return self._possessive
        if key.endswith(("'s", "’s")):
            letter = self._word_letters.get(key[:-2])
            if letter is not None:
                return letter
        bare = word.lstrip(_STRIP)
        if bare[:1].isupper() or bare[:1] == "@" or (bare.isalnum() and not bare.isalpha() and not bare.isdigit()):
            return self._capital
        return self._other
