"""Judges an analysis by a behaviour case: what the text says to a careful reader, and what it must not be read as. Pure.

A case file is parsed from its text here; whoever calls it has read the file. The form is described in
config/cases/README.md. Nothing here knows a rule: a case is judged by what is published.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import msgspec
from msgspec import Struct

from workers.classify.scoring import ATTACKER_THRESHOLD
from workers.errors import ConfigError
from workers.knowledge import ActorKind
from workers.knowledge.spelling import squash
from workers.model import ActorMatch, Analysis, Attacker, ObjectiveId, RawItem

__all__ = ["Case", "Fault", "Verdict", "WantedAttacker", "WantedMention", "judge", "parse_cases"]

_DETECTED = "detected"
_TAILS = ("ransomwaregang", "ransomware", "group", "gang", "team", "hackers")
_HEADS = ("the", "team")
_SHORTEST_STEM = 3


class WantedAttacker(Struct, frozen=True, forbid_unknown_fields=True):
    """An attacker that the text names. Without a country it is the group `actor`, whose sponsor nobody knows."""

    country: str | None = None
    actor: str | None = None
    stance: Literal["asserted", "suspected"] | None = None
    rank: Literal["primary", "secondary"] | None = None
    kind: ActorKind | None = None

    def __str__(self) -> str:
        return self.country or self.actor or "?"


class WantedMention(Struct, frozen=True, forbid_unknown_fields=True):
    """A country or an actor that is named and does not act, and the part that it plays instead."""

    role: Literal["bystander", "accuser", "denied", "mentioned"]
    country: str | None = None
    actor: str | None = None


class Case(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text and what must and must not be tagged.

    `attackers` is complete: whoever else is tagged is wrong. Where it is None, who attacks is left open.
    """

    id: str
    why: str
    cls: str = msgspec.field(name="class", default="")
    language: str | None = None
    title: str | None = None
    body: str | None = None
    content_type: Literal["text/plain", "text/html", "text/markdown"] = "text/plain"
    attackers: list[str | WantedAttacker] | None = None
    not_attackers: list[str] = []
    targets: list[str] = []
    not_targets: list[str] = []
    sectors: list[str] = []
    not_sectors: list[str] = []
    objectives: list[str] = []
    not_objectives: list[str] = []
    techniques: list[str] = []
    not_techniques: list[str] = []
    malware: list[str] = []
    not_malware: list[str] = []
    indicators: list[str] = []
    not_indicators: list[str] = []
    vulnerabilities: list[str] = []
    organisations: list[str] = []
    mentions: list[WantedMention] = []
    actors: list[str] = []
    not_actors: list[str] = []
    detected: str | None = None

    @property
    def wanted(self) -> tuple[WantedAttacker, ...]:
        """The attackers, each in its long form."""
        return tuple(WantedAttacker(country=row) if isinstance(row, str) else row for row in self.attackers or ())

    def item(self) -> RawItem:
        """The text as an item of the stream."""
        return RawItem(title=self.title, body=self.body, content_type=self.content_type, language=self.language)


class Fault(Struct, frozen=True):
    """One thing that is wrong: `kind` is the part of the event, `says` a sentence for a person."""

    kind: str
    says: str


class Verdict(Struct, frozen=True):
    """How an analysis stands to its case. The counts are of attackers; a case is right where nothing is wrong."""

    case: Case
    faults: tuple[Fault, ...]
    found: int
    missed: int
    invented: int

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def parse_cases(where: str, text: str) -> list[Case]:
    """The cases of one file, whose text is `text`. Raises ConfigError naming the case that cannot be used."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError(where, "file", str(problem), "valid TOML") from problem
    cls = content.pop("class", None)
    if not isinstance(cls, str):
        raise ConfigError(where, "class", cls, "the name of the class")
    return [
        _case(where, cls, language, row) for language, rows in content.items() for row in _rows(where, language, rows)
    ]


def _rows(where: str, language: str, rows: Any) -> list[Any]:
    if not isinstance(rows, list):
        raise ConfigError(where, language, rows, f"cases [[{language}]]")
    return rows


def _case(where: str, cls: str, language: str, row: Any) -> Case:
    given = {} if language == _DETECTED else {"language": language}
    try:
        case = msgspec.convert({**row, "class": cls, **given}, Case)
    except (msgspec.ValidationError, TypeError) as problem:
        raise ConfigError(where, str(row)[:80], str(problem), "a case as config/cases/README.md says") from problem
    unknown = {name.rpartition(":")[2] for name in (*case.objectives, *case.not_objectives)} - set(
        get_args(ObjectiveId)
    )
    if unknown:
        raise ConfigError(where, case.id, sorted(unknown), f"objectives among {', '.join(get_args(ObjectiveId))}")
    if not (case.body or case.title):
        raise ConfigError(where, case.id, None, "a title or a body")
    return case


def judge(case: Case, analysis: Analysis) -> Verdict:
    """What is wrong with `analysis` where `case` says what is right."""
    pairs = [(wanted, _answering(wanted, analysis)) for wanted in case.wanted]
    answered = [attacker for _, attacker in pairs if attacker is not None]
    invented = [] if case.attackers is None else _strangers(answered, analysis)
    faults = [
        *(Fault("attackers", f"{wanted} is not tagged as an attacker") for wanted, found in pairs if found is None),
        *(Fault("attackers", _accusation(case, attacker)) for attacker in invented),
        *(fault for wanted, found in pairs if found is not None for fault in _details(wanted, found)),
        *_forbidden(case, analysis),
        *_other_tags(case, analysis),
    ]
    return Verdict(case, tuple(faults), len(answered), len(pairs) - len(answered), len(invented))


def _strangers(answered: Sequence[Attacker], analysis: Analysis) -> list[Attacker]:
    return [attacker for attacker in analysis.attackers if not any(attacker is other for other in answered)]


def _forbidden(case: Case, analysis: Analysis) -> Iterator[Fault]:
    """Where who attacks is left open, the countries that do not are named one by one."""
    if case.attackers is None:
        wrong = [attacker for attacker in analysis.attackers if attacker.country in case.not_attackers]
        yield from (Fault("attackers", _accusation(case, attacker)) for attacker in wrong)


def _answering(wanted: WantedAttacker, analysis: Analysis) -> Attacker | None:
    for attacker in analysis.attackers:
        if attacker.country != wanted.country:
            continue
        if wanted.country is not None or wanted.actor is None or _is_named(wanted.actor, attacker.actors):
            return attacker
    return None


def _accusation(case: Case, attacker: Attacker) -> str:
    name = attacker.country or " / ".join(match.alias for match in attacker.actors) or "a nameless group"
    rule = attacker.evidence[0].rule if attacker.evidence else "no evidence"
    trap = ", the very mistake that the case is there for" if attacker.country in case.not_attackers else ""
    return f"{name} is tagged as an attacker ({attacker.score:.2f}, {rule}){trap}"


def _details(wanted: WantedAttacker, found: Attacker) -> Iterator[Fault]:
    if wanted.actor and not _is_named(wanted.actor, found.actors):
        yield Fault("actors", f"{wanted.actor} is not among the actors of {wanted}")
    if wanted.stance and wanted.stance != found.stance:
        yield Fault("stance", f"{wanted} is {found.stance}, not {wanted.stance}")
    if wanted.rank and wanted.rank != found.rank:
        yield Fault("rank", f"{wanted} is {found.rank}, not {wanted.rank}")
    if wanted.kind and wanted.kind != found.kind:
        yield Fault("kind", f"{wanted} is {found.kind}, not {wanted.kind}")


def _other_tags(case: Case, analysis: Analysis) -> Iterator[Fault]:
    for kind, must, must_not, said in _tag_lists(case, analysis):
        held = {_plain(value) for value in said}
        yield from (Fault(kind, f"{value} is missing") for value in must if _plain(value) not in held)
        yield from (Fault(kind, f"{value} is tagged") for value in must_not if _plain(value) in held)
    named = [match for attacker in analysis.attackers for match in attacker.actors]
    yield from (Fault("actors", f"{name} is missing") for name in case.actors if not _is_named(name, named))
    yield from (Fault("actors", f"{name} is tagged") for name in case.not_actors if _is_named(name, named))
    yield from (Fault("mentions", _absence(row)) for row in case.mentions if not _is_mentioned(row, analysis))
    if case.detected and case.detected != analysis.language:
        yield Fault("language", f"read as {analysis.language}, not {case.detected}")


def _tag_lists(case: Case, analysis: Analysis) -> Iterator[tuple[str, Sequence[str], Sequence[str], list[str]]]:
    least = ATTACKER_THRESHOLD
    targets = analysis.targets
    yield "targets", case.targets, case.not_targets, [t.code for t in targets.countries if t.score >= least]
    sectors = [name for s in targets.sectors if s.score >= least for name in (s.id, *s.sub)]
    yield "sectors", case.sectors, case.not_sectors, sectors
    yield "objectives", case.objectives, case.not_objectives, _objectives(analysis)
    yield "techniques", case.techniques, case.not_techniques, [technique.id for technique in analysis.techniques]
    yield "malware", case.malware, case.not_malware, [malware.name for malware in analysis.malware]
    values = [name for row in analysis.indicators for name in (f"{row.type} {row.value}", row.value)]
    yield "indicators", case.indicators, case.not_indicators, values
    yield "vulnerabilities", case.vulnerabilities, (), [row.id for row in analysis.vulnerabilities]
    yield "organisations", case.organisations, (), [row.name for row in targets.organisations]


def _objectives(analysis: Analysis) -> list[str]:
    """Each aim by itself and with the country of the attacker that has it."""
    rows = [(attacker.country, aim.id) for attacker in analysis.attackers for aim in attacker.objectives]
    return [name for country, aim in rows for name in (aim, f"{country}:{aim}")]


def _plain(value: str) -> str:
    return value.casefold()


def _stem(name: str) -> str:
    """What remains of a name without the words that one writer adds and another leaves out."""
    words = name.split()
    while len(words) > 1 and words[0].casefold() in _HEADS:
        words.pop(0)
    squashed = squash(" ".join(words))
    for tail in _TAILS:
        if squashed.endswith(tail) and len(squashed) - len(tail) >= _SHORTEST_STEM:
            return squashed.removesuffix(tail)
    return squashed


def _is_named(name: str, matches: Sequence[ActorMatch]) -> bool:
    stem = _stem(name)
    return any(stem == _stem(other) for match in matches for other in (match.name, match.alias, *match.candidates))


def _is_mentioned(row: WantedMention, analysis: Analysis) -> bool:
    if row.country:
        return any(found.code == row.country and found.role == row.role for found in analysis.mentions.countries)
    stem = _stem(row.actor or "")
    return any(_stem(found.name) == stem and found.stance == row.role for found in analysis.mentions.actors)


def _absence(row: WantedMention) -> str:
    return f"{row.country or row.actor} is not mentioned as {row.role}"
