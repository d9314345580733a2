"""Tells mentions of a country that stand in a target's place and are none: hosts, owners, makers, reasons and lures. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import re2

from workers.classify.mentions import Mention

__all__ = ["Standing"]

_BEFORE = 100
_AFTER = 40
_LIST_LONGEST = 70
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
_PLACED = (" in ", " in the ", " to ", " to the ", " of ")
_HEADS_REACH = 60
_BRACKET = 2


class Standing:
    """Knows the words beside which a country is no target. Immutable; safe to share between threads."""

    def __init__(self, shapes: Mapping[str, Sequence[str]], classes: Mapping[str, str]) -> None:
        self._classes = classes
        self._before = tuple(" " + word for word in shapes.get("before", ())) + tuple(
            f" {word} in" for word in shapes.get("reporters", ())
        )
        self._after = tuple(shapes.get("after", ()))
        self._missions = tuple(" " + word for word in shapes.get("missions", ()))
        parents = tuple(shapes.get("parents", ()))
        self._parents = frozenset(parents)
        self._parent = tuple(f" {word} {link}" for word in parents for link in ("of", "to"))
        makers = "|".join(re2.escape(word) for word in shapes.get("makers", ())) or r"\b\B"
        self._maker = re2.compile(
            rf"\b(?:{makers}) (?:by|from) (?:[\w.&]+(?: [\w.&]+){{0,2}}, )?(?:the |an? )?(?:[\w-]+ )?$"
        )

    def aside(self, mention: Mention, start: int, others: Sequence[tuple[str, Mention]], code: str) -> bool:
        """Whether the mention stands by, in the sentence that begins at `start`; `others` are all mentions of that sentence."""
        folded, token = mention.text.folded, mention.token
        if folded.startswith(self._after, token.end):
            return True
        before = " " + folded[max(start, token.start - _BEFORE) : token.start]
        bare = _without_fillers(before)
        if bare.endswith(self._before):
            return True
        if (" by " in before or " from " in before) and self._maker.search(before):
            return True
        if len(others) == 1:
            return False
        return self._belongs(mention, before, bare, [other for held, other in others if held != code])

    def _belongs(self, mention: Mention, before: str, bare: str, others: Sequence[Mention]) -> bool:
        """Whether the country houses another's mission, or owns what another country's victim is a part of."""
        at = mention.token.start
        if before.endswith("(") and any(at - other.token.end <= _BRACKET for other in others if other.token.start < at):
            return True  # the short form of the name before it: "Ruritanian Revenue Service (IRS)"
        if any(other.token.start < at for other in others) and (
            bare.endswith(self._parent) or self._hosts(before, others, at)
        ):
            return True
        return any(
            other.token.start > at and (self._is_branch_of(mention, other) or self._houses(mention, other))
            for other in others
        )

    def _houses(self, mention: Mention, other: Mention) -> bool:
        """The X Ruritanian embassy: X is the host."""
        folded = other.text.folded
        return other.token.start == mention.token.end + 1 and folded.startswith(self._missions, other.token.end)

    def _hosts(self, before: str, others: Sequence[Mention], at: int) -> bool:
        """The Ruritanian embassy in X: X is the host."""
        begin, end = max((before.rfind(word), len(word)) for word in self._missions) if self._missions else (-1, 0)
        if begin < 0:
            return False
        rest = before[begin + end :].lstrip("s")
        if not (rest.rstrip(" ").endswith((",", "–", "-", "(")) or rest.endswith(_PLACED)):
            return False
        placed = at - len(before) + begin
        if not any(placed - _HEADS_REACH <= other.token.start < at for other in others):
            return False
        return " in " in rest or " to " in rest or not rest.startswith(" of ") or rest.count(" of ") > 1

    def _is_branch_of(self, mention: Mention, other: Mention) -> bool:
        """The Ruritanian firm's X subsidiary: the owner's country stands by."""
        folded = other.text.folded
        if other.token.start - mention.token.end > _BEFORE:
            return False
        if not folded[mention.token.end : other.token.start].rstrip(" ").endswith(_OWNERS):
            return False
        following = folded[other.token.end : other.token.end + _AFTER].split()[:3]
        return any(word.strip(_STRIP) in self._parents for word in following)

    def listed_with(self, first: Mention, second: Mention) -> bool:
        """Whether two mentions of a sentence stand in one list, `first` before `second`."""
        start, stop = first.token.end, second.token.start
        if stop - start > _LIST_LONGEST:
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
