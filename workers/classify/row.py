"""The countries that one sentence names, in their order, for whoever asks what stands near each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2
from msgspec import Struct, field

from workers.classify.mentions import Mention

__all__ = ["Row"]

_IN_CHAIN = frozenset((", ", " and ", ", and ", " or ", "/", " & "))
_LANGUAGE_ENDS = re2.compile(r"^(?:[.,;:!?)\"”']|$| (?:before|after|that|which|saying|reading|on|by|to|from|at)\b)")


class Row(Struct, gc=False):
    """The mentions of one sentence in their order.

    `start`: where it begins; `turn`: the first place of another country than the first, and `languages`: the places of those
    that name languages, both found when asked for; `led`, `explained`: the places found so far that a word in front makes
    bystanders or reasons.
    """

    start: int
    mentions: Sequence[tuple[str, Mention]]
    turn: int = 0
    languages: frozenset[int] | None = None
    led: set[int] = field(default_factory=set)
    explained: set[int] = field(default_factory=set)

    def follows_other(self, place: int) -> bool:
        """Whether another country is named before the mention at `place`."""
        first = self.mentions[0][0]
        if place == 0 or self.mentions[place][0] != first:
            return place > 0
        if not self.turn:
            others = (number for number, (code, _) in enumerate(self.mentions) if code != first)
            self.turn = next(others, len(self.mentions))
        return self.turn < place

    def is_language(self, place: int) -> bool:
        """Whether the mention at `place` names a language."""
        if self.mentions[place][1].token.surface.cls != "DEM":
            return False
        if self.languages is None:
            self.languages = _languages(self.mentions)
        return place in self.languages

    def before(self, place: int, reach: int) -> Iterator[Mention]:
        """The mentions of other countries that begin at most `reach` characters before the one at `place`, the nearest first."""
        code, mention = self.mentions[place]
        for held, other in reversed(self.mentions[max(0, place - reach) : place]):
            if mention.token.start - other.token.start > reach:
                return
            if held != code:
                yield other

    def after(self, place: int, reach: int) -> Iterator[Mention]:
        """The mentions of other countries that begin at most `reach` characters behind the one at `place`, the nearest first."""
        code, mention = self.mentions[place]
        for held, other in self.mentions[place + 1 : place + 1 + reach]:
            if other.token.start - mention.token.end > reach:
                return
            if held != code:
                yield other


def _languages(mentions: Sequence[tuple[str, Mention]]) -> frozenset[int]:
    """The places of adjectives that name a language: "a message in Ruritanian and Grand Fenwickian."."""
    found: set[int] = set()
    place = 0
    while place < len(mentions):
        mention = mentions[place][1]
        stop = place + 1
        if mention.token.surface.cls == "DEM" and mention.text.folded.startswith(
            "in ", max(0, mention.token.start - 3)
        ):
            while stop < len(mentions) and _goes_on(mentions[stop - 1][1], mentions[stop][1]):
                stop += 1
            if _LANGUAGE_ENDS.search(_following(mentions[stop - 1][1], 12)):
                found.update(range(place, stop))
        place = stop
    return frozenset(found)


def _goes_on(first: Mention, second: Mention) -> bool:
    return second.token.surface.cls == "DEM" and first.text.folded[first.token.end : second.token.start] in _IN_CHAIN


def _following(mention: Mention, reach: int) -> str:
    return mention.text.folded[mention.token.end : mention.token.end + reach]
