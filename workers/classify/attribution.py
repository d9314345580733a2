"""Turns what the sentences say into attackers and mentions. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from workers.classify import scoring
from workers.classify.groups import FoundGroup
from workers.classify.mentions import Mention, evidence_of, quote
from workers.classify.text import FieldText
from workers.knowledge import ActorEntry, ActorKind
from workers.model import ActorMatch, Attacker, Evidence, Objective

__all__ = ["Blame", "attackers_of", "blame_actors", "blame_countries", "match_actor"]

_EVIDENCE_MOST = 5
_ALONE_MOST = 12
_SPELLINGS_MOST = 12
_ORGANS = frozenset(("ORG", "ORGO"))
_RANSOMWARE = " ransomware"
_SPONSOR = 0.88
_NEXUS = ("nexus.branch", "nexus.anonymous", "nexus.actor", "ja.of.actor", "ja.nexus.actor")
_SURER: tuple[ActorKind, ...] = ("state", "state-linked")


class Blame(Struct):
    """What stands against one country or one group of no country."""

    country: str | None
    strengths: list[float] = field(default_factory=list)
    hedged: list[bool] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    actors: dict[str, list[Mention]] = field(default_factory=dict)
    organs: dict[str, Mention] = field(default_factory=dict)
    groups: list[tuple[FoundGroup, FieldText]] = field(default_factory=list)
    target: float = 0.0
    denied: float = 0.0
    kinds: set[ActorKind] = field(default_factory=set)
    sentences: set[int] = field(default_factory=set)
    places: set[tuple[int, int]] = field(default_factory=set)
    passing: set[tuple[int, int]] = field(default_factory=set)

    def add_mention(self, mention: Mention, strength: float) -> None:
        """One more reading, of a mention that acts."""
        self.places.add((mention.sentence, mention.token.start))
        self.add(strength, evidence_of(mention), hedged=mention.hedged, sentence=mention.sentence)

    def add(self, strength: float, evidence: Evidence, *, hedged: bool, sentence: int) -> None:
        """One more reading."""
        self.sentences.add(sentence)
        self.strengths.append(strength)
        self.hedged.append(hedged)
        if len(self.evidence) < _EVIDENCE_MOST:
            self.evidence.append(evidence)

    def parts(self) -> list[scoring.Part]:
        """How the score comes to be, step by step, by the scoring module."""
        return scoring.parts(self.strengths, hedged=all(self.hedged), denied=self.denied, target=self.target)

    def score(self) -> float:
        """How sure it is, by the scoring module."""
        parts = self.parts()
        return parts[-1][1] if parts else 0.0


def blame_countries(countries: Sequence[tuple[str, Mention]]) -> dict[str, Blame]:
    """The blame of each country from the mentions of the country itself."""
    found: dict[str, Blame] = {}
    for code, mention in countries:
        blame = found.setdefault(code, Blame(code))
        if mention.role == "attacker":
            blame.add_mention(mention, mention.strength)
            if mention.token.surface.cls in _ORGANS:
                blame.organs.setdefault(mention.token.surface.text, mention)
            blame.kinds.add(mention.kind)
        elif mention.role == "target":
            blame.target = max(blame.target, mention.strength)
        elif mention.role == "denied":
            blame.denied = max(blame.denied, mention.strength)
        elif not mention.role:  # named and no more: what its clause tells of aims is told of it all the same
            blame.passing.add((mention.sentence, mention.token.start))
    return found


def match_actor(
    actors: Mapping[str, ActorEntry], mention: Mention, score: float
) -> tuple[ActorMatch, str | None, ActorKind]:
    """The actor that a mention names, its country and kind; an ambiguous alias names all candidates and picks none."""
    alias = mention.text.original[mention.token.start : mention.token.end]
    entries = [actors[key] for key in mention.token.surface.actors if key in actors]
    evidence = [quote(mention.text, mention.token.start, mention.token.end, mention.rule or "actor.named")]
    countries = {entry.country for entry in entries}
    country = countries.pop() if len(countries) == 1 else None
    if len(entries) == 1:
        entry = entries[0]
        match = ActorMatch(
            name=entry.name, alias=alias, score=score, id=entry.id, attack_id=entry.attack_id, evidence=evidence
        )
        return match, country, entry.kind
    match = ActorMatch(
        name=alias, alias=alias, score=score, candidates=sorted({entry.name for entry in entries}), evidence=evidence
    )
    kinds = {entry.kind for entry in entries}
    return match, country, kinds.pop() if len(kinds) == 1 else "unknown"


def blame_actors(found: dict[str, Blame], actors: Mapping[str, ActorEntry], mentions: Sequence[Mention]) -> list[Blame]:
    """Adds the named actors to their sponsors' blame; those without one each get a blame of their own."""
    alone: dict[str, Blame] = {}
    for mention in mentions:
        if mention.role != "attacker":
            continue
        _, country, _ = match_actor(actors, mention, 0.0)
        country = country or _settled(actors, mention, found) or _named_with(mention, found)
        if country:
            blame = found.setdefault(country, Blame(country))
            blame.add_mention(mention, min(mention.strength, _SPONSOR))
        else:
            key = "|".join(mention.token.surface.actors) or mention.token.surface.malware
            blame = alone.setdefault(key, Blame(None))
            blame.add_mention(mention, mention.strength)
        blame.actors.setdefault("|".join(mention.token.surface.actors) or mention.token.surface.malware, []).append(
            mention
        )
    return list(alone.values())[:_ALONE_MOST]


def _settled(actors: Mapping[str, ActorEntry], mention: Mention, found: Mapping[str, Blame]) -> str | None:
    """The country of an ambiguous alias where the text itself blames exactly one of the candidates' countries."""
    possible = {actors[key].country for key in mention.token.surface.actors if key in actors}
    blamed = [code for code in possible if code and code in found and found[code].strengths]
    return blamed[0] if len(blamed) == 1 else None


def _named_with(mention: Mention, found: Mapping[str, Blame]) -> str | None:
    """The country that the same words give a group without a known home: "the Chilean branch of Anonymous"."""
    name, start, end = mention.text.name, mention.token.start, mention.token.end
    for code, blame in found.items():
        for evidence in blame.evidence:
            if (
                evidence.rule.startswith(_NEXUS)
                and evidence.field == name
                and evidence.start <= start
                and end <= evidence.end
            ):
                return code
    return None


def attackers_of(
    blames: Sequence[Blame],
    actors: Mapping[str, ActorEntry],
    names: Mapping[str, str],
    objectives: Mapping[int, list[Objective]],
) -> list[Attacker]:
    """The attackers above the threshold, the one with the most evidence first and primary.

    Of countries that one phrase blames together ("from China and, at times, North Korea") the one named first weighs a reading more.
    """
    first = _named_first(blames)
    scored = [(blame.score(), blame) for blame in blames]
    kept = [(score, blame) for score, blame in scored if score >= scoring.ATTACKER_THRESHOLD]
    kept.sort(key=lambda pair: (-(sum(pair[1].strengths) + (id(pair[1]) in first)), -pair[0], pair[1].country or "~"))
    out: list[Attacker] = []
    for index, (score, blame) in enumerate(kept):
        matches, kind = _matches(blame, actors, names, score)
        out.append(
            Attacker(
                country=blame.country,
                rank="secondary" if index else "primary",
                kind=kind,
                score=scoring.attacker_score(score),
                stance="suspected" if blame.denied or all(blame.hedged) else "asserted",
                actors=matches,
                objectives=objectives.get(id(blame), []),
                evidence=blame.evidence,
            )
        )
    return out


def _named_first(blames: Sequence[Blame]) -> set[int]:
    """The blames that head a phrase in which others are blamed as well."""
    shared: dict[tuple[str, int, int], list[Blame]] = {}
    for blame in blames:
        for evidence in blame.evidence:
            shared.setdefault((evidence.field, evidence.start, evidence.end), []).append(blame)
    return {
        id(min(group, key=lambda blame: min(blame.places, default=(0, 0))))
        for group in shared.values()
        if len(group) > 1
    }


def _matches(
    blame: Blame, actors: Mapping[str, ActorEntry], names: Mapping[str, str], score: float
) -> tuple[list[ActorMatch], ActorKind]:
    matches: list[ActorMatch] = []
    kinds: list[ActorKind] = []
    for key, mentions in blame.actors.items():
        strength = scoring.calibrated(scoring.combine([mention.strength for mention in mentions]))
        if mentions[0].token.surface.actors:
            match, _, kind = match_actor(actors, mentions[0], strength)
            kinds.append(kind)
        else:
            match = _family_match(names.get(key, ""), mentions[0], strength)
            kinds.append("non-state")
        matches.append(replace(match, evidence=_places(mentions)))
    matches += [_family_match("", organ, scoring.calibrated(organ.strength)) for organ in blame.organs.values()]
    for group, text in blame.groups:
        evidence = [quote(text, group.start, group.end, group.rule)]
        matches.append(
            ActorMatch(
                name=group.name, alias=group.name, score=scoring.calibrated(min(group.score, score)), evidence=evidence
            )
        )
    return matches, _kind(blame, kinds)


def _family_match(name: str, mention: Mention, score: float) -> ActorMatch:
    """A group under the name of its ransomware, or an organ of state under its own."""
    alias = mention.text.original[mention.token.start : mention.token.end]
    bare = alias[: -len(_RANSOMWARE)] if alias.lower().endswith(_RANSOMWARE) else alias
    return ActorMatch(name=name or bare, alias=bare, score=score, evidence=_places([mention]))


def _places(mentions: Sequence[Mention]) -> list[Evidence]:
    """The first place of each spelling."""
    out: dict[str, Evidence] = {}
    for mention in mentions:
        end = mention.token.end
        if mention.token.surface.text.endswith(_RANSOMWARE):
            end -= len(_RANSOMWARE)
        found = quote(mention.text, mention.token.start, end, mention.rule or "actor.named")
        out.setdefault(found.quote, found)
    return list(out.values())[:_SPELLINGS_MOST]


def _kind(blame: Blame, kinds: Sequence[ActorKind]) -> ActorKind:
    known = [kind for kind in kinds if kind != "unknown"]
    if known:
        return known[0]
    if blame.country is None:
        return "non-state" if blame.groups else "unknown"
    return next((kind for kind in _SURER if kind in blame.kinds), "unknown")
