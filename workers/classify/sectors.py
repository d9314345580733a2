"""Tells the sectors of the target from the words that name them, and leaves out those of attackers, reporters and channels. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from workers.classify import scoring
from workers.classify.mentions import quote
from workers.classify.scanner import Sentence, Token
from workers.classify.sheet import Sheet
from workers.classify.text import FieldText
from workers.model import Sector

__all__ = ["SectorReader"]

_EVIDENCE_MOST = 3
_BASE = 0.75
_WEAK = 0.6
_BESIDE_STRONGER = 0.7
_NO_INCIDENT = 0.7
# A sector named in the first two sentences counts whole, then less with each sentence; where the sentence tells whom an
# attack aims at it never falls far: long reports name their victims late.
_FADING = 0.1
_FAR = 0.55
_FAR_TOLD = 0.85
_TOLD = frozenset(("AGAINST", "ATTING", "NITAI"))
_HANDS = frozenset(("HACKER", "GANG", "FOE"))
# "Its Twitter account was hacked": whose account it is tells the sector, not the channel.
_CHANNELS = frozenset(
    ("account", "accounts", "page", "pages", "feed", "feeds", "profile", "profiles", "handle", "users")
)
_ADJACENT = 2
_NEXT = 20
_REACH = 90
_STRIP = "\"'()[]{}:;,.!?“”‘’"
_ORGANS = frozenset(("ORG", "ORGO", "ORGA"))


class _Tally:
    """What was read of one sector."""

    __slots__ = ("places", "strengths", "subs")

    def __init__(self) -> None:
        self.strengths: list[float] = []
        self.subs: dict[str, None] = {}
        self.places: list[tuple[FieldText, Token]] = []


class SectorReader:
    """Knows which words name a sector weakly and which single words say what is done. Immutable."""

    def __init__(self, weak: Iterable[str], classes: Mapping[str, str]) -> None:
        self._weak = frozenset(weak)
        self._told = frozenset(word for word, cls in classes.items() if cls in _TOLD)
        self._hands = frozenset(word for word, cls in classes.items() if cls in _HANDS)
        self._asides = _CHANNELS | {word for word, cls in classes.items() if cls == "SAY"}

    def read(self, sheet: Sheet, *, incident: bool) -> list[Sector]:
        """The sectors of the target, surest first. Words that name a sector weakly count only where no other word does."""
        tallies: dict[str, _Tally] = {}
        weak = self._weak
        for text, token, weight in self._words(sheet):
            strength = (_WEAK if token.surface.text in weak else _BASE) * weight
            for sector, sub in token.surface.sectors:
                tally = tallies.get(sector)
                if tally is None:
                    tally = tallies[sector] = _Tally()
                tally.strengths.append(strength)
                if len(tally.places) < _EVIDENCE_MOST:
                    tally.places.append((text, token))
                if sub:
                    tally.subs[sub] = None
        for token, text in _organs(sheet):
            tally = tallies.setdefault("government", _Tally())
            tally.strengths.append(_BASE)
            tally.places.append((text, token))
        strong = any(max(tally.strengths) > _WEAK for tally in tallies.values())
        found = [_sector(name, tally, strong=strong, incident=incident) for name, tally in tallies.items()]
        return sorted(found, key=lambda entry: (-entry.score, entry.id))

    def _words(self, sheet: Sheet) -> Iterator[tuple[FieldText, Token, float]]:
        """The words of the target's sector, each with what its place in the field is worth."""
        acting = _acting(sheet)
        field, place = "", 0
        for number, (text, sentence) in enumerate(sheet.sentences):
            field, place = text.name, place + 1 if text.name == field else 0
            if not sentence.meanings:
                continue
            near, weight = acting.get(number), 0.0
            for token in sentence.meanings:
                if not token.surface.sectors or self._is_aside(text, token):
                    continue
                if near and any(0 <= token.start - end <= _ADJACENT for end in near):
                    continue
                weight = weight or self._worth(text, sentence, place, token.start)
                yield text, token, weight

    def _worth(self, text: FieldText, sentence: Sentence, place: int, before: int) -> float:
        worth = 1.0 - _FADING * max(0, place - 1)
        if worth >= _FAR_TOLD:
            return worth
        if not self._told.isdisjoint(text.folded[max(sentence.start, before - _REACH) : before].split()):
            return _FAR_TOLD
        for token in sentence.tokens:
            if token.surface.cls in _TOLD:
                return _FAR_TOLD
        return max(_FAR, worth)

    def _is_aside(self, text: FieldText, token: Token) -> bool:
        """Whether the word belongs to an attacker ("military hackers"), a reporter ("police said") or a mere channel."""
        end = token.end
        after = text.folded[end : end + _NEXT].split(None, 1)
        if not after or text.folded[end] != " ":
            return False
        word = after[0].strip(_STRIP)
        if word in self._hands:
            return True
        if word not in self._asides:
            return False
        return token.surface.text in self._weak or token.surface.sectors[0][0] == "media"


def _sector(name: str, tally: _Tally, *, strong: bool, incident: bool) -> Sector:
    best = max(tally.strengths)
    score = best * _BESIDE_STRONGER if strong and best <= _WEAK else scoring.combine(tally.strengths)
    return Sector(
        id=name,
        score=scoring.sector_score(score if incident else score * _NO_INCIDENT),
        sub=list(tally.subs),
        evidence=[quote(text, token.start, token.end, "lexicon.sector") for text, token in tally.places],
    )


def _acting(sheet: Sheet) -> dict[int, list[int]]:
    """By sentence, where the names of those end who attack."""
    out: dict[int, list[int]] = {}
    for _, mention in sheet.countries:
        if mention.role == "attacker":
            out.setdefault(mention.sentence, []).append(mention.token.end)
    return out


def _organs(sheet: Sheet) -> list[tuple[Token, FieldText]]:
    """The organs of state that a rule names as acted upon: "hacked the FBI"."""
    return [
        (mention.token, mention.text)
        for _, mention in sheet.countries
        if mention.role == "target" and mention.token.surface.cls in _ORGANS
    ]
