"""Turns what the sentences say into target countries and countries that stand by. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise

import re2
from msgspec import Struct

from workers.classify import scoring
from workers.classify.home import hit_at_home
from workers.classify.mentions import Mention, evidence_of
from workers.classify.row import Row
from workers.classify.sheet import Sheet
from workers.classify.standing import LIST_LONGEST, Standing
from workers.knowledge import Knowledge
from workers.model import CountryMention, TargetCountry

__all__ = ["TargetReader", "bystanders", "is_advisory"]

_EVIDENCE_MOST = 3
_FALLBACK = 0.55
_BRACKETS_REACH = 40
_OWN_COUNTRY = 0.84
_LISTED = 0.72
_NEIGHBOURS = 8
_NAMED, _UNSPOKEN, _HOME, _OWN, _LAST = range(5)
_PLACES = (" in ", " in the ", " across ", " throughout ")
_OWN_REACH = 110
_OWN_THING = re2.compile(
    r"^[^.;]*\b(?:its|his|her|their|our) (?:own |official )?(?:[\w-]+ ){0,2}?"
    r"(?:websites?|sites?|systems?|networks?|servers?|computers?|accounts?|twitter|facebook|e-?mails?|databases?|phones?|data)\b"
)


class _Placed(Struct, gc=False):
    """A mention that may be a target, and how sure its kind of reading is (0 the surest)."""

    code: str
    mention: Mention
    rank: int
    place: int


class TargetReader:
    """Reads who is attacked. Immutable; safe to share between threads."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._standing = Standing(knowledge.compiled.bystanding, knowledge.compiled.words)

    def read(self, sheet: Sheet, attackers: Mapping[str, float], *, incident: bool) -> list[TargetCountry]:
        """The countries acted upon: those that a rule names, else those that no rule speaks of, else whoever tells of the attack."""
        ranks: tuple[dict[str, list[Mention]], ...] = ({}, {}, {}, {}, {})
        for placed in self._placed(sheet, attackers, incident=incident):
            ranks[placed.rank].setdefault(placed.code, []).append(placed.mention)
        self._keep_first(ranks[_UNSPOKEN])
        self._keep_first(ranks[_LAST])
        for rank, found in enumerate(ranks):
            if rank == _LAST and incident and (home := hit_at_home(sheet, attackers)):
                return [_target(home[0], _FALLBACK, [home[1]])]
            if found:
                targets = [
                    _target(code, _strength(rank, mentions, len(found)), mentions) for code, mentions in found.items()
                ]
                return sorted(targets, key=lambda target: (-target.score, target.code))
        return []

    def _placed(self, sheet: Sheet, attackers: Mapping[str, float], *, incident: bool) -> list[_Placed]:
        if not incident and not any(mention.role == "target" for _, mention in sheet.countries):
            return []
        acting = {code for code, mention in sheet.countries if mention.role == "attacker"}
        by_sentence: dict[int, list[tuple[str, Mention]]] = {}
        for code, mention in sheet.countries:
            by_sentence.setdefault(mention.sentence, []).append((code, mention))
        rows = [
            self._placed_in(mentions, sheet.sentences[number][1].start, (attackers, acting), incident=incident)
            for number, mentions in by_sentence.items()
        ]
        one = len({placed.code for _, row in rows for placed in row}) == 1
        out: list[_Placed] = []
        for standing, row in rows:
            if not one:
                self._lower_reasons(standing, row)
                self._join_lists(row)
            out += [placed for placed in row if not self._accuses_with(standing, placed)]
        return out

    def _placed_in(
        self,
        mentions: Sequence[tuple[str, Mention]],
        start: int,
        blamed: tuple[Mapping[str, float], set[str]],
        *,
        incident: bool,
    ) -> tuple[Row, list[_Placed]]:
        """What of the mentions of one sentence may be a target."""
        standing = Row(start, mentions)
        row = [
            _Placed(code, mention, rank, place)
            for place, (code, mention) in enumerate(mentions)
            if (rank := _rank(code, mention, *blamed, incident=incident)) is not None
            and not (rank != _HOME and self._standing.aside(standing, place))
        ]
        return standing, row

    def _lower_reasons(self, standing: Row, row: Sequence[_Placed]) -> None:
        """Where several countries may be meant, the one that only tells why comes last."""
        for placed in row:
            if placed.rank != _HOME and self._standing.is_reason(standing, placed.place):
                placed.rank = _LAST

    def _accuses_with(self, standing: Row, placed: _Placed) -> bool:
        """Whether a country that no rule speaks of stands in one list with an accuser: "both A and B put the blame on"."""
        if placed.rank != _UNSPOKEN:
            return False
        if placed.mention.text.folded.endswith(_PLACES, 0, placed.mention.token.start):
            return False  # where the one who speaks is at home: "a carrier in A and B says it was hit"
        return any(
            mention.role == "accuser" and self._standing.listed_with(placed.mention, mention)
            for mention in standing.after(placed.place, LIST_LONGEST)
        )

    def _keep_first(self, found: dict[str, list[Mention]]) -> None:
        """Of countries that no rule speaks of the one named first is the place of the attack, with those in one list with it."""
        if len(found) < 2:
            return
        kept = list(next(iter(found.values())))
        for code in list(found)[1:]:
            if any(self._is_listed(kept, mention) for mention in found[code]):
                kept += found[code]
                kept.sort(key=_order)
            else:
                del found[code]

    def _is_listed(self, kept: Sequence[Mention], mention: Mention) -> bool:
        """Whether a mention stands in one list with one of those kept, which are in their order, near it."""
        place = bisect_left(kept, _order(mention), key=_order)
        return any(
            self._standing.listed_with(
                *((held, mention) if held.token.start < mention.token.start else (mention, held))
            )
            for held in kept[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS]
            if held.sentence == mention.sentence
        )

    def _join_lists(self, row: list[_Placed]) -> None:
        """What stands in one list with a target is a target: "in A, B and C"."""
        if len(row) < 2:
            return
        for order in (row, row[::-1]):
            for held, following in pairwise(order):
                first, second = (held, following) if order is row else (following, held)
                if (
                    held.rank == _NAMED
                    and following.rank == _UNSPOKEN
                    and self._standing.listed_with(first.mention, second.mention)
                ):
                    following.rank = _NAMED
                    following.mention.strength = max(following.mention.strength, _LISTED)


def _order(mention: Mention) -> tuple[int, int]:
    return mention.sentence, mention.token.start


def is_advisory(sheet: Sheet, attackers: Mapping[str, float], *, flawed: bool) -> bool:
    """Whether the text describes holes and no attack: nobody is a target there. `flawed`: it names vulnerabilities."""
    if attackers or sheet.actors:
        return False
    if sheet.advisory and not _names_family(sheet):
        return True
    return (sheet.advisory or flawed) and not _is_acted_upon(sheet)


def _names_family(sheet: Sheet) -> bool:
    """Whether a family is named: what names one is mostly a report of attacks, however it describes the hole that let them in."""
    return any(token.surface.malware for _, sentence in sheet.sentences for token in sentence.meanings)


def _is_acted_upon(sheet: Sheet) -> bool:
    """Whether a rule names a country as acted upon; a vendor's home is none."""
    return any(mention.role == "target" and mention.token.surface.cls != "HOME" for _, mention in sheet.countries)


def _rank(
    code: str, mention: Mention, attackers: Mapping[str, float], acting: set[str], *, incident: bool
) -> int | None:
    """Named by a rule, not spoken of, an organisation's home or the accuser, the attacker's own country; or no target."""
    home = mention.token.surface.cls == "HOME"
    if mention.role == "target":
        if code in attackers and (mention.strength < _OWN_COUNTRY or _is_bracketed(mention)):
            return _OWN
        return _HOME if home else _NAMED
    if not incident:
        return None
    if code in attackers:  # the home of a group that acts, and the text itself does not blame it
        return _OWN if not mention.role and code not in acting else None
    return _rank_unnamed(mention, home=home, blamed=bool(attackers))


def _is_bracketed(mention: Mention) -> bool:
    """Whether the country stands in brackets, as the home of who is named before: "Night Heron (China)", "(China & North Korea)"."""
    folded, token = mention.text.folded, mention.token
    before = folded[max(0, token.start - _BRACKETS_REACH) : token.start]
    return before.rfind("(") > before.rfind(")") and ")" in folded[token.end : token.end + _BRACKETS_REACH]


def _rank_unnamed(mention: Mention, *, home: bool, blamed: bool) -> int | None:
    """The rank of a mention that no rule names as acted upon, where the text tells of an attack."""
    if mention.role == "accuser" and not home and _is_own_victim(mention):
        return _UNSPOKEN
    if mention.rule == "bystander.reporter":  # an agency or a vendor that tells of an attack on itself
        return _HOME if not blamed else _LAST if _is_own_victim(mention) else None
    if mention.rule == "bystander.place":
        return _LAST
    if mention.role == "accuser" or (not mention.role and home):
        return _HOME
    return None if mention.role else _UNSPOKEN


def _is_own_victim(mention: Mention) -> bool:
    """Whether who tells of the attack tells of one on himself: "says its website was hacked"."""
    folded = mention.text.folded
    return _OWN_THING.search(folded[mention.token.end : mention.token.end + _OWN_REACH]) is not None


def _strength(rank: int, mentions: Sequence[Mention], together: int) -> float:
    if rank == _NAMED:
        return scoring.combine([mention.strength for mention in mentions])
    return scoring.TARGET_DEFAULT if rank == _UNSPOKEN and together == 1 else _FALLBACK


def _target(code: str, score: float, mentions: Sequence[Mention]) -> TargetCountry:
    found = [evidence_of(mention) for mention in mentions[:_EVIDENCE_MOST]]
    return TargetCountry(code=code, score=scoring.target_score(score), evidence=found)


def bystanders(countries: Sequence[tuple[str, Mention]], placed: frozenset[str]) -> list[CountryMention]:
    """The countries that are named and neither attack nor are attacked."""
    out: dict[str, CountryMention] = {}
    for code, mention in countries:
        if code in placed or code in out:
            continue
        role = mention.role if mention.role in {"accuser", "denied"} else "bystander"
        out[code] = CountryMention(
            code=code,
            role="accuser" if role == "accuser" else "denied" if role == "denied" else "bystander",
            evidence=[evidence_of(mention)],
        )
    return list(out.values())
