"""Tells mentions of a country that stand in a target's place and are none: hosts, owners, makers, reasons, lures, namesakes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import re2

from workers.classify.mentions import Mention
from workers.classify.row import Row

__all__ = ["LIST_LONGEST", "Standing"]

_BEFORE = 100
_AFTER = 40
LIST_LONGEST = 70
_LIST_WORDS_MOST = 9
_STRIP = "\"'()[]{}:;,.!?“”‘’"
_FILLERS = frozenset(
    ("the", "a", "an", "its", "their", "his", "her", "two", "three", "several", "alleged", "recent", "key", "official")
)
_JOINTS = (",", " and ", " or ", "/", " & ")
_LISTED = re2.compile(r"^[)’'\"s]{0,3}(?: [\w&.-]+){0,3}[)]?(?:,| and\b| or\b|/| &| as well as\b)")
_BREAKS_LIST = frozenset(
    ("that", "which", "who", "after", "by", "from", "while", "when", "because", "whose", "where", "over", "with", "via",
     "against", "including", "about", "is", "are", "was", "were", "has", "have", "to")
)  # fmt: skip
_ACTS = frozenset(
    ("SAY", "ACC", "ATTED", "ATTV", "ATTING", "SUFFER", "HACKER", "FOE", "BIZ", "LAW", "ACTOR", "DENY", "ATTR")
)
_OWNERS = ("'s", "’s", " its", " their", " whose")
_NEW_CLAUSE = (", and ", ", but ")
_VERBS = (" was ", " were ", " is ", " are ", " has ", " had ", " have ", " says ", " said ")
_CLAUSE_ENDS = ".;:,()"
_REASON_SHORTEST = 8
_IN = (" in ", " in the ")
_OWNER_JA = "の"
_PLACED = (" in ", " in the ", " to ", " to the ", " of ")
_APART = (",", "–", "-", "(")
_HEADS_REACH = 60
_BRACKET = 2
_KEY = 2
_REASON_REACH = 160
_ORGANS = frozenset(("ORGO", "ORG", "ORGA"))
_LANDS = frozenset(("NAME", "DEM", "CAP", "PLACE"))
_TOWNS = frozenset(("CAP", "PLACE"))
_OF_LAND = frozenset((" ", "'s ", "’s "))
_TOWN_REACH = 60
# Where a report was written: "Rome, April 19 (Reuters) - ".
_DATELINE = re2.compile(
    r"^[^.()]{0,30}\((?:reuters|ap|afp|upi|bloomberg|dpa|kyodo|xinhua)\)|^(?:, [\w .]{1,16})? (?:—|–|--) [a-z]"
)
_DATELINE_REACH = 50
_OPENING = 2


class Standing:
    """Knows the words beside which a country is no target. Immutable; safe to share between threads."""

    def __init__(self, shapes: Mapping[str, Sequence[str]], classes: Mapping[str, str]) -> None:
        self._classes = classes
        reporters = (f"{word} in" for word in shapes.get("reporters", ()))
        self._before = _by(
            lambda phrase: phrase.rpartition(" ")[2], (f" {word}" for word in (*shapes.get("before", ()), *reporters))
        )
        self._hosts_ja = tuple(shapes.get("hosts_ja", ()))
        self._reasons_ja = tuple(shapes.get("reasons_ja", ()))
        self._parts_ja = tuple(shapes.get("parts_ja", ()))
        self._police = tuple(f" {word} in" for word in shapes.get("police", ()))
        self._after = _by(lambda phrase: phrase[:_KEY], shapes.get("after", ()))
        self._missions = tuple(" " + word for word in shapes.get("missions", ()))
        parents = tuple(shapes.get("parents", ()))
        self._parents = frozenset(parents)
        self._parent = tuple(f" {word} {link}" for word in parents for link in ("of", "to"))
        makers = _either(shapes.get("makers", ()))
        self._maker = re2.compile(
            rf"\b(?:{makers}) (?:by|from) (?:[\w.&]+(?: [\w.&]+){{0,2}}, )?(?:the |an? )?(?:[\w-]+ )?$"
        )
        self._reason = re2.compile(rf"\b(?:{_either(shapes.get('reasons', ()))})\b")
        self._states = tuple(shapes.get("states", ()))
        self._town = re2.compile(rf"^(?: [\w&.'’-]+){{0,3}}? (?:{_either(shapes.get('american', ()))})\b")

    def aside(self, row: Row, place: int) -> bool:
        """Whether the mention at `place` of its row stands by."""
        code, mention = row.mentions[place]
        folded, token = mention.text.folded, mention.token
        if self._is_followed(folded, token.end) or row.is_language(place) or self._is_namesake(mention, code):
            return True
        before = " " + folded[max(row.start, token.start - _BEFORE) : token.start]
        bare = _without_fillers(before)
        leading = self._before.get(bare.rpartition(" ")[2], self._hosts_ja)
        if bare.endswith(leading) or self._goes_with(row, place, row.led):
            row.led.add(place)
            return True
        if (" by " in before or " from " in before) and self._maker.search(before):
            return True
        return len(row.mentions) > 1 and self._belongs(row, place, before, bare)

    def _is_followed(self, folded: str, end: int) -> bool:
        """Whether a word stands behind a country, which ends at `end`, that makes it a bystander."""
        two = self._after.get(folded[end : end + _KEY])
        if two and folded.startswith(two, end):
            return True
        one = self._after.get(folded[end : end + 1])
        return one is not None and folded.startswith(one, end)

    def is_reason(self, row: Row, place: int) -> bool:
        """Whether the mention at `place` tells why an attack was made, what it is like, who looks into it or where it was written."""
        text, token = row.mentions[place][1].text, row.mentions[place][1].token
        folded, at = text.folded, token.start
        if folded.startswith(", ", at - 2) and at - row.start > _OPENING:
            found = self._goes_with(row, place, row.explained)
            if found:
                row.explained.add(place)
            return found
        clause = folded[max(row.start, at - _REASON_REACH) : at]
        for sign in _CLAUSE_ENDS:
            clause = clause.rpartition(sign)[2]
        if (
            (at - row.start <= _OPENING and _DATELINE.search(folded[token.end : token.end + _DATELINE_REACH]))
            or (len(clause) > _REASON_SHORTEST and self._reason.search(clause))
            or folded.startswith(self._reasons_ja, token.end)
            or (clause.endswith(_IN) and (" " + _without_fillers(clause)).endswith(self._police))
            or self._goes_with(row, place, row.explained)
        ):
            row.explained.add(place)
            return True
        return False

    def _goes_with(self, row: Row, place: int, found: set[int]) -> bool:
        """Whether the mention at `place` stands in one list with the one before it, which was found, and opens no clause of its own."""
        if place - 1 not in found:
            return False
        held, mention = row.mentions[place - 1][1], row.mentions[place][1]
        gap = mention.text.folded[held.token.end : mention.token.start]
        if gap.startswith(_NEW_CLAUSE) and mention.text.folded.startswith(_VERBS, mention.token.end):
            return False
        return self.listed_with(held, mention)

    def _is_namesake(self, mention: Mention, code: str) -> bool:
        """Whether it is an American town that bears another one's name: "Paris, Texas", "Berlin Township"."""
        folded, token = mention.text.folded, mention.token
        if code == "US" or token.surface.cls not in _TOWNS:
            return False
        if folded.startswith(", ", token.end):
            return folded.startswith(self._states, token.end + 2)
        return self._town.search(folded[token.end : token.end + _TOWN_REACH]) is not None

    def _belongs(self, row: Row, place: int, before: str, bare: str) -> bool:
        """Whether the country houses another's mission, or owns what another country's victim is a part of."""
        mention = row.mentions[place][1]
        at = mention.token.start
        if place > 0 and _is_organ_of(row.mentions[place - 1], row.mentions[place]):
            return True
        if before.endswith("(") and any(at - other.token.end <= _BRACKET for other in row.before(place, _BEFORE)):
            return True  # the short form of the name before it: "Ruritanian Revenue Service (IRS)"
        if row.follows_other(place) and (bare.endswith(self._parent) or self._hosts(row, place, before)):
            row.led.add(place)
            return True
        return any(
            self._is_branch_of(mention, other) or self._houses(mention, other) for other in row.after(place, _BEFORE)
        )

    def _houses(self, mention: Mention, other: Mention) -> bool:
        """The X Ruritanian embassy: X is the host."""
        folded = other.text.folded
        return other.token.start == mention.token.end + 1 and folded.startswith(self._missions, other.token.end)

    def _hosts(self, row: Row, place: int, before: str) -> bool:
        """The Ruritanian embassy in X: X is the host."""
        if not (before.endswith(_PLACED) or before.rstrip(" ").endswith(_APART)):
            return False
        begin, end = max((before.rfind(word), len(word)) for word in self._missions) if self._missions else (-1, 0)
        if begin < 0:
            return False
        rest = before[begin + end :].lstrip("s")
        if not (rest.rstrip(" ").endswith(_APART) or rest.endswith(_PLACED)):
            return False
        reach = len(before) - begin + _HEADS_REACH
        if not any(row.before(place, reach)):
            return False
        return " in " in rest or " to " in rest or not rest.startswith(" of ") or rest.count(" of ") > 1

    def _is_branch_of(self, mention: Mention, other: Mention) -> bool:
        """The Ruritanian firm's X subsidiary: the owner's country stands by."""
        folded = other.text.folded
        if folded.startswith(self._parts_ja, other.token.end) and folded.startswith(_OWNER_JA, other.token.start - 1):
            return True
        if not folded[mention.token.end : other.token.start].rstrip(" ").endswith(_OWNERS):
            return False
        following = folded[other.token.end : other.token.end + _AFTER].split()[:3]
        return any(word.strip(_STRIP) in self._parents for word in following)

    def listed_with(self, first: Mention, second: Mention) -> bool:
        """Whether two mentions of a sentence stand in one list, `first` before `second`."""
        start, stop = first.token.end, second.token.start
        if stop - start > LIST_LONGEST:
            return False
        gap = first.text.folded[start:stop]
        if not any(joint in gap for joint in _JOINTS) or not _LISTED.search(gap):
            return False
        words = [word.strip(_STRIP) for word in gap.split()]
        return len(words) <= _LIST_WORDS_MOST and not any(
            word in _BREAKS_LIST or self._classes.get(word, "") in _ACTS for word in words
        )


def _without_fillers(before: str) -> str:
    """The text up to the last word that is no article or the like, without the space behind it."""
    bare = before.rstrip(" ")
    while True:
        cut = bare.rfind(" ")
        if cut < 0 or bare[cut + 1 :] not in _FILLERS:
            return bare
        bare = bare[:cut].rstrip(" ")


def _by(key: Callable[[str], str], phrases: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Phrases by a part of theirs, so that few are compared where that part is known."""
    out: dict[str, tuple[str, ...]] = {}
    for phrase in phrases:
        out[key(phrase)] = (*out.get(key(phrase), ()), phrase)
    return out


def _either(words: Sequence[str]) -> str:
    """An expression for one of the words; for nothing where there are none."""
    return "|".join(re2.escape(word) for word in words) or r"\b\B"


def _is_organ_of(owner: tuple[str, Mention], organ: tuple[str, Mention]) -> bool:
    """Whether an organ's name is said of another country right before it: "Ruritania's National Security Agency"."""
    first, second = owner[1].token, organ[1].token
    return (
        owner[0] != organ[0]
        and second.surface.cls in _ORGANS
        and first.surface.cls in _LANDS
        and organ[1].text.folded[first.end : second.start] in _OF_LAND
    )
