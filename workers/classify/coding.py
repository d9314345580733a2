"""Writes a sentence as one letter per token, the form that the role patterns read. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from workers.classify.scanner import Sentence, Token
from workers.classify.text import FieldText
from workers.knowledge.spelling import fold

__all__ = ["Coded", "Coder"]

_STRIP = "\"'()[]{}:;,.!?“”‘’«»…*"
_TOKENS_MOST = 400
_KANJI_PER_WORD = 4
_REMEMBERED_MOST = 40_000
_WORD_LONGEST = 24


class Coded(Struct, gc=False):
    """A sentence in letters. `starts`, `ends` and `owners` run beside `code`; an owner is a token of the knowledge or None."""

    field: FieldText
    code: bytes
    starts: list[int]
    ends: list[int]
    owners: list[Token | None]


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
        coded = _Draft()
        coded.put(self._begin, sentence.start, sentence.start, None)
        gap = self._japanese_gap if japanese else self._gap
        position = sentence.start
        for token in sentence.tokens:
            if token.start > position:
                gap(coded, field, position, token.start)
            position = token.end
            coded.letters.append(self._letters.get(token.surface.cls, self._other))
            coded.starts.append(token.start)
            coded.ends.append(position)
            coded.owners.append(token)
            if len(coded.letters) > _TOKENS_MOST:
                break
        else:
            gap(coded, field, position, sentence.end)
        coded.put(self._stop, sentence.end, sentence.end, None)
        return Coded(field, "".join(coded.letters).encode("ascii"), coded.starts, coded.ends, coded.owners)

    def _gap(self, coded: _Draft, field: FieldText, start: int, end: int) -> None:
        plain = field.plain[start:end]
        if plain == " ":
            return
        offset = 0
        read = self._read
        letters, starts, ends, owners = coded.letters, coded.starts, coded.ends, coded.owners
        for word in plain.split():
            offset = plain.find(word, offset)
            letter = read.get(word)
            if letter is None:
                letter = self._letters_of(field, start + offset, word)
            at = start + offset
            offset += len(word)
            if len(letter) == 1:
                letters.append(letter)
                starts.append(at)
                ends.append(start + offset)
            elif letter:
                letters += letter
                starts += [at] * len(letter)
                ends += [start + offset] * len(letter)
        owners += [None] * (len(letters) - len(owners))

    def _letters_of(self, field: FieldText, at: int, word: str) -> str:
        """The letters of a word not seen before, which is then remembered; what stands before decides only on a bare s."""
        if word.isalpha():
            letter = self._word_letters.get(word.lower(), self._capital) if word[0].isupper() else self._other
        else:
            letter = self._marked(field, at, word)
            if word.strip(_STRIP).lower() == "s":
                return letter
        if len(word) <= _WORD_LONGEST and len(self._read) < _REMEMBERED_MOST:
            self._read[word] = letter
        return letter

    def _marked(self, field: FieldText, at: int, word: str) -> str:
        """The letters of a word with other signs than letters in it; a comma after it is a letter of its own."""
        key = fold(word.strip(_STRIP))
        letter = ""
        if key:
            known = self._word_letters.get(key)
            letter = self._unlisted(field, at, word, key) if known is None else known
        return letter + self._comma if word[-1] == "," else letter

    def _unlisted(self, field: FieldText, at: int, word: str, key: str) -> str:
        if key == "s" and at and field.plain[at] in "'’":
            return self._possessive
        if key.endswith(("'s", "’s")):
            letter = self._word_letters.get(key[:-2])
            if letter is not None:
                return letter
        bare = word.lstrip(_STRIP)
        if bare[:1].isupper() or bare[:1] == "@" or (bare.isalnum() and not bare.isalpha() and not bare.isdigit()):
            return self._capital
        return self._other

    def _japanese_gap(self, coded: _Draft, field: FieldText, start: int, end: int) -> None:
        text = field.plain[start:end].strip()
        if not text:
            return
        if text.isascii():
            self._gap(coded, field, start, end)
            return
        for _ in range((len(text) + _KANJI_PER_WORD - 1) // _KANJI_PER_WORD):
            coded.put(self._other, start, end, None)


class _Draft:
    """A coded sentence while it grows."""

    __slots__ = ("ends", "letters", "owners", "starts")

    def __init__(self) -> None:
        self.letters: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.owners: list[Token | None] = []

    def put(self, letter: str, start: int, end: int, owner: Token | None) -> None:
        self.letters.append(letter)
        self.starts.append(start)
        self.ends.append(end)
        self.owners.append(owner)
