"""Turns what the sentences say into target countries and countries that stand by. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import re2
from msgspec import Struct

from workers.classify import scoring
from workers.classify.mentions import Mention, evidence_of
from workers.classify.sheet import Sheet
from workers.classify.standing import Standing
from workers.knowledge import Knowledge
from workers.model import CountryMention, TargetCountry

__all__ = ["TargetReader", "bystanders", "is_advisory"]

_EVIDENCE_MOST = 3
_FALLBACK = 0.55
_BRACKETS_REACH = 40
_OWN_COUNTRY = 0.84
_LISTED = 0.72
_NAMED, _UNSPOKEN, _HOME, _OWN = range(4)
# Whom a government spies on at home, and where these live who left it.
_AT_HOME = frozenset(("individuals", "non-profit", "media"))
_ABROAD = ("exile", "abroad", "expatriate", "diaspora", "overseas", "living in", "worldwide", "foreign")
_STATE_WORDS = ("government", "regime", "ministry", "secret service", "security service", "police", "当局", "政府")
_STATE_REACH = 24
_STATE_OF = ("government of ", "regime of ", "authorities of ")
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


class TargetReader:
    """Reads who is attacked. Immutable; safe to share between threads."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._standing = Standing(knowledge.compiled.bystanding, knowledge.compiled.words)

    def read(self, sheet: Sheet, attackers: Mapping[str, float], *, incident: bool) -> list[TargetCountry]:
        """The countries acted upon: those that a rule names, else those that no rule speaks of, else whoever tells of the attack."""
        ranks: tuple[dict[str, list[Mention]], ...] = ({}, {}, {}, {})
        for placed in self._placed(sheet, attackers, incident=incident):
            ranks[placed.rank].setdefault(placed.code, []).append(placed.mention)
        self._keep_first(ranks[_UNSPOKEN])
        for rank, found in enumerate(ranks):
            if found:
                targets = [
                    _target(code, _strength(rank, mentions, len(found)), mentions) for code, mentions in found.items()
                ]
                return sorted(targets, key=lambda target: (-target.score, target.code))
        return _at_home(sheet, attackers) if incident else []

    def _placed(self, sheet: Sheet, attackers: Mapping[str, float], *, incident: bool) -> list[_Placed]:
        acting = {code for code, mention in sheet.countries if mention.role == "attacker"}
        by_sentence: dict[int, list[tuple[str, Mention]]] = {}
        for code, mention in sheet.countries:
            by_sentence.setdefault(mention.sentence, []).append((code, mention))
        out: list[_Placed] = []
        for number, mentions in by_sentence.items():
            start = sheet.sentences[number][1].start
            row = [
                _Placed(code, mention, rank)
                for code, mention in mentions
                if (rank := _rank(code, mention, attackers, acting, incident=incident)) is not None
                and not (rank != _HOME and self._standing.aside(mention, start, mentions, code))
            ]
            self._join_lists(row)
            out += [placed for placed in row if not self._accuses_with(placed, mentions)]
        return out

    def _accuses_with(self, placed: _Placed, mentions: Sequence[tuple[str, Mention]]) -> bool:
        """Whether a country that no rule speaks of stands in one list with an accuser: "both A and B put the blame on"."""
        return placed.rank == _UNSPOKEN and any(
            mention.role == "accuser" and self._standing.listed_with(placed.mention, mention)
            for _, mention in mentions
            if mention.token.start > placed.mention.token.start
        )

    def _keep_first(self, found: dict[str, list[Mention]]) -> None:
        """Of countries that no rule speaks of the one named first is the place of the attack, with those in one list with it."""
        if len(found) < 2:
            return
        kept = list(next(iter(found.values())))
        for code in list(found)[1:]:
            if any(self._listed(held, mention) for held in kept for mention in found[code]):
                kept += found[code]
            else:
                del found[code]

    def _listed(self, held: Mention, mention: Mention) -> bool:
        first, second = (held, mention) if held.token.start < mention.token.start else (mention, held)
        return held.sentence == mention.sentence and self._standing.listed_with(first, second)

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
        return None if blamed else _HOME
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


def _at_home(sheet: Sheet, attackers: Mapping[str, float]) -> list[TargetCountry]:
    """A government that spies on journalists, dissidents or citizens does so at home, unless the text says where else."""
    if len(attackers) != 1:
        return []
    code = next(iter(attackers))
    acting = [mention for held, mention in sheet.countries if held == code and mention.role == "attacker"]
    governed = [mention for mention in acting if _is_government(mention)]
    for mention in governed:
        text, sentence = sheet.sentences[mention.sentence]
        told = {sector for token in sentence.meanings for sector, _ in token.surface.sectors}
        if not told.isdisjoint(_AT_HOME) and not any(word in text.folded for word in _ABROAD):
            return [_target(code, _FALLBACK, [mention])]
    return []


def _is_government(mention: Mention) -> bool:
    """Whether it is the country's government that acts."""
    folded, start = mention.text.folded, mention.start
    return folded[max(0, start - _STATE_REACH) : start].endswith(_STATE_OF) or any(
        word in folded[start : mention.end + _STATE_REACH] for word in _STATE_WORDS
    )


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
