"""Turns what the sentences say into target countries and countries that stand by. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.classify import scoring
from workers.classify.mentions import Mention, evidence_of
from workers.model import CountryMention, TargetCountry

__all__ = ["bystanders", "target_countries"]

_EVIDENCE_MOST = 3
_FALLBACK = 0.55
_OWN_COUNTRY = 0.84


def target_countries(
    countries: Sequence[tuple[str, Mention]], attackers: Mapping[str, float], *, incident: bool
) -> list[TargetCountry]:
    """The countries acted upon: those that a rule names, else those that no rule speaks of, else whoever tells of the attack."""
    ranks: tuple[dict[str, list[Mention]], ...] = ({}, {}, {}, {})
    for code, mention in countries:
        rank = _rank(code, mention, attackers, incident=incident)
        if rank is not None:
            ranks[rank].setdefault(code, []).append(mention)
    for rank, found in enumerate(ranks):
        if found:
            targets = [
                _target(code, _strength(rank, mentions, len(found)), mentions) for code, mentions in found.items()
            ]
            return sorted(targets, key=lambda target: (-target.score, target.code))
    return []


def _rank(code: str, mention: Mention, attackers: Mapping[str, float], *, incident: bool) -> int | None:
    """0 named by a rule, 1 not spoken of, 2 an organisation's home or the accuser, 3 the attacker's own country."""
    if mention.role == "target":
        if code in attackers and mention.strength < _OWN_COUNTRY:
            return 3
        return 2 if mention.token.surface.cls == "HOME" else 0
    if not incident or code in attackers:
        return None
    if mention.role == "accuser" or (not mention.role and mention.token.surface.cls == "HOME"):
        return 2
    return None if mention.role else 1


def _strength(rank: int, mentions: Sequence[Mention], together: int) -> float:
    if rank == 0:
        return scoring.combine([mention.strength for mention in mentions])
    return scoring.TARGET_DEFAULT if rank == 1 and together == 1 else _FALLBACK


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
