"""Turns what the sentences say into target countries, sectors and organisations. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.classify import scoring
from workers.classify.mentions import Mention, evidence_of, quote
from workers.classify.scanner import Sentence, Token
from workers.classify.text import FieldText
from workers.model import CountryMention, Sector, TargetCountry

__all__ = ["bystanders", "sectors_of", "target_countries"]

_EVIDENCE_MOST = 3
_FALLBACK = 0.55
_SECTOR_BASE = 0.6
_WEAK_ALONE = 0.52


def target_countries(
    countries: Sequence[tuple[str, Mention]], attackers: Mapping[str, float], *, incident: bool
) -> list[TargetCountry]:
    """The countries acted upon. A country that only accuses is taken where nobody else is named as the target."""
    strengths: dict[str, list[float]] = {}
    evidence: dict[str, list[Mention]] = {}
    spare: dict[str, Mention] = {}
    for code, mention in countries:
        strength = mention.strength if mention.role == "target" else 0.0
        if not mention.role and incident and code not in attackers:
            strength = scoring.TARGET_DEFAULT
        if mention.role == "target" and code in attackers and mention.strength < 0.84:
            continue
        if strength:
            strengths.setdefault(code, []).append(strength)
            evidence.setdefault(code, []).append(mention)
        elif mention.role == "accuser" and incident and code not in attackers:
            spare.setdefault(code, mention)
    out = [_target(code, scoring.combine(found), evidence[code]) for code, found in strengths.items()]
    if not out:
        out = [
            _target(code, _FALLBACK, [mention])
            for code, mention in spare.items()
            if mention.token.surface.cls != "ORGA"
        ]
    return sorted(out, key=lambda target: (-target.score, target.code))


def _target(code: str, score: float, mentions: Sequence[Mention]) -> TargetCountry:
    found = [evidence_of(mention) for mention in mentions[:_EVIDENCE_MOST]]
    return TargetCountry(code=code, score=scoring.calibrated(score), evidence=found)


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


def sectors_of(
    sentences: Sequence[tuple[FieldText, Sentence, float]], weak: frozenset[str], *, incident: bool
) -> list[Sector]:
    """The sectors of the target. Words that name a sector weakly count only where no other word does."""
    weights: dict[str, list[float]] = {}
    subs: dict[str, dict[str, None]] = {}
    found: dict[str, list[tuple[FieldText, Token]]] = {}
    for text, sentence, weight in sentences:
        for token in sentence.tokens:
            for sector, sub in token.surface.sectors:
                strength = (_WEAK_ALONE if token.surface.text in weak else _SECTOR_BASE) * weight
                weights.setdefault(sector, []).append(strength)
                found.setdefault(sector, []).append((text, token))
                if sub:
                    subs.setdefault(sector, {})[sub] = None
    strong = any(max(strengths) >= _SECTOR_BASE for strengths in weights.values())
    out: list[Sector] = []
    for sector, strengths in weights.items():
        score = scoring.combine(strengths) if not strong or max(strengths) >= _SECTOR_BASE else max(strengths) * 0.8
        if not incident:
            score *= 0.7
        evidence = [
            quote(text, token.start, token.end, "lexicon.sector") for text, token in found[sector][:_EVIDENCE_MOST]
        ]
        out.append(
            Sector(id=sector, score=scoring.calibrated(score), sub=list(subs.get(sector, {})), evidence=evidence)
        )
    return sorted(out, key=lambda entry: (-entry.score, entry.id))
