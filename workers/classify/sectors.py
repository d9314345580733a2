"""Tells the sectors of the target from the words that name them, and leaves out those of attackers, reporters and channels. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
# A sector this much below the surest one of the text is a detail of the story.
_OUTWEIGHED = 0.06
_BESIDE_SURER = 0.65
_LIST_LONGEST = 45
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

    __slots__ = ("listed", "places", "strengths", "subs")

    def __init__(self) -> None:
        self.listed = False
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
        acting = _acting(sheet)
        held: FieldText | None = None
        place = 0
        for number, (text, sentence) in enumerate(sheet.sentences):
            place = place + 1 if held is text else 0
            held = text
            if sentence.meanings:
                self._count(tallies, text, sentence, place, acting.get(number))
        for token, text in _organs(sheet):
            if token.surface.text not in self._weak:
                tally = tallies.setdefault("government", _Tally())
                tally.strengths.append(_BASE)
                tally.places.append((text, token))
        return _judged(tallies, incident=incident) if tallies else []

    def _count(
        self, tallies: dict[str, _Tally], text: FieldText, sentence: Sentence, place: int, near: list[int] | None
    ) -> None:
        """Counts the words of the target's sector, each with what its place in the field is worth."""
        weight = 0.0
        last: Token | None = None
        for token in sentence.meanings:
            surface = token.surface
            if not surface.sectors or self._is_aside(text.folded, token):
                continue
            if near and any(0 <= token.start - end <= _ADJACENT for end in near):
                continue
            weight = weight or self._worth(text, sentence, place, token.start)
            strength = (_WEAK if surface.text in self._weak else _BASE) * weight
            listed = last is not None and _in_list(text, last, token)
            if listed and last is not None:
                for other, _ in last.surface.sectors:
                    tallies[other].listed = True
            for sector, sub in surface.sectors:
                tally = tallies.get(sector)
                if tally is None:
                    tally = tallies[sector] = _Tally()
                tally.strengths.append(strength)
                tally.listed = tally.listed or listed
                if len(tally.places) < _EVIDENCE_MOST:
                    tally.places.append((text, token))
                if sub:
                    tally.subs[sub] = None
            last = token

    def _worth(self, text: FieldText, sentence: Sentence, place: int, before: int) -> float:
        worth = 1.0 - _FADING * max(0, place - 1)
        if worth >= _FAR_TOLD:
            return worth
        if not self._told.isdisjoint(text.folded[max(sentence.start, before - _REACH) : before].split()):
            return _FAR_TOLD
        for token in sentence.tokens:  # what an attacker is after says whom it is after: "to steal chip designs"
            if token.surface.cls in _TOLD or token.surface.objectives:
                return _FAR_TOLD
        return max(_FAR, worth)

    def _is_aside(self, folded: str, token: Token) -> bool:
        """Whether the word belongs to an attacker ("military hackers"), a reporter ("police said") or a mere channel."""
        end = token.end
        if folded[end : end + 1] != " ":
            return False
        stop = folded.find(" ", end + 1, end + _NEXT)
        word = folded[end + 1 : stop if stop > 0 else end + _NEXT].strip(_STRIP)
        if word in self._hands:
            return True
        if word not in self._asides:
            return False
        return token.surface.text in self._weak or token.surface.sectors[0][0] == "media"


def _judged(tallies: Mapping[str, _Tally], *, incident: bool) -> list[Sector]:
    """The sectors with their scores. One that others outweigh counts less, unless it stands in one list with another."""
    strong = any(max(tally.strengths) > _WEAK for tally in tallies.values())
    scores = {name: _strength(tally, strong=strong) for name, tally in tallies.items()}
    least = max(scores.values(), default=0.0) - _OUTWEIGHED
    found = [
        _sector(
            name,
            tally,
            scores[name] * (_BESIDE_SURER if scores[name] < least and not tally.listed else 1.0),
            incident=incident,
        )
        for name, tally in tallies.items()
    ]
    return sorted(found, key=lambda entry: (-entry.score, entry.id))


def _strength(tally: _Tally, *, strong: bool) -> float:
    best = max(tally.strengths)
    return best * _BESIDE_STRONGER if strong and best <= _WEAK else scoring.combine(tally.strengths)


def _sector(name: str, tally: _Tally, score: float, *, incident: bool) -> Sector:
    return Sector(
        id=name,
        score=scoring.sector_score(score if incident else score * _NO_INCIDENT),
        sub=list(tally.subs),
        evidence=[quote(text, token.start, token.end, "lexicon.sector") for text, token in tally.places],
    )


def _in_list(text: FieldText, first: Token, second: Token) -> bool:
    """Whether two words stand in one list: "banks, ministries and telecoms"."""
    if not 0 < second.start - first.end <= _LIST_LONGEST:
        return False
    gap = text.folded[first.end : second.start]
    return "." not in gap and (", " in gap or " and " in gap or " or " in gap or "、" in gap or "と" in gap)


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
