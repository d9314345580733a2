"""What reading one item yields: attackers, targets, mentions, and the evidence of each. Types only, no I/O.

Offsets are Unicode code points into the field as given, end exclusive. Scores run from 0 to 1.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

__all__ = [
    "ANALYSED_ALL",
    "ActorMatch",
    "Analysis",
    "Attacker",
    "Country",
    "CountryMention",
    "DeniedActor",
    "Evidence",
    "FieldName",
    "Indicator",
    "Malware",
    "Mentions",
    "Objective",
    "ObjectiveId",
    "Organisation",
    "Score",
    "Sector",
    "Summary",
    "TargetCountry",
    "Targets",
    "Technique",
    "Vulnerability",
]

Score: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Country: TypeAlias = Annotated[str, Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
FieldName: TypeAlias = Literal["title", "summary", "body"]
ObjectiveId: TypeAlias = Literal[
    "ip-theft",
    "espionage",
    "pre-positioning",
    "disruption",
    "destruction",
    "financial-gain",
    "weapons-funding",
    "intimidation",
    "influence",
    "surveillance",
]

ANALYSED_ALL = ("attackers", "targets", "objectives", "techniques", "malware", "indicators", "vulnerabilities")


class Evidence(Struct, frozen=True, kw_only=True):
    """Where a tag comes from: `quote` is `field[start:end]`, `rule` the name of the rule that read it."""

    field: FieldName
    start: int
    end: int
    quote: str
    rule: str


class ActorMatch(Struct, frozen=True, kw_only=True):
    """A named intrusion set or group. An ambiguous alias lists every candidate's name and picks none (id None)."""

    name: str
    alias: str
    score: Score
    id: str | None = None
    attack_id: str | None = None
    candidates: list[str] = []
    evidence: list[Evidence] = []


class Objective(Struct, frozen=True, kw_only=True):
    """What an attacker is after."""

    id: ObjectiveId
    score: Score
    evidence: list[Evidence] = []


class Attacker(Struct, frozen=True, kw_only=True):
    """Who acts. `country` is None for a named group of no known sponsor."""

    country: Country | None
    rank: Literal["primary", "secondary"]
    kind: Literal["state", "state-linked", "non-state", "unknown"]
    score: Score
    stance: Literal["asserted", "suspected"]
    actors: list[ActorMatch] = []
    objectives: list[Objective] = []
    evidence: list[Evidence] = []


class TargetCountry(Struct, frozen=True, kw_only=True):
    """A country that is acted upon."""

    code: Country
    score: Score
    evidence: list[Evidence] = []


class Sector(Struct, frozen=True, kw_only=True):
    """A sector of the target: STIX 2.1 `industry-sector-ov` plus `media` and `individuals`; `sub` is finer."""

    id: str
    score: Score
    sub: list[str] = []
    evidence: list[Evidence] = []


class Organisation(Struct, frozen=True, kw_only=True):
    """An organisation named as a victim."""

    name: str
    country: Country | None = None
    sector: str | None = None
    evidence: list[Evidence] = []


class Targets(Struct, frozen=True, kw_only=True):
    """Who is acted upon."""

    countries: list[TargetCountry] = []
    sectors: list[Sector] = []
    organisations: list[Organisation] = []


class CountryMention(Struct, frozen=True, kw_only=True):
    """A country that is named and neither attacks nor is attacked, or whose attack is denied."""

    code: Country
    role: Literal["bystander", "accuser", "denied"]
    evidence: list[Evidence] = []


class DeniedActor(Struct, frozen=True, kw_only=True):
    """An actor that is named and does not act here: denied, or named in passing."""

    name: str
    stance: Literal["denied", "mentioned"]
    id: str | None = None
    evidence: list[Evidence] = []


class Mentions(Struct, frozen=True, kw_only=True):
    """What is named in the text and has no part in the attack."""

    countries: list[CountryMention] = []
    actors: list[DeniedActor] = []


class Malware(Struct, frozen=True, kw_only=True):
    """A malware family or tool; `id` is its MISP galaxy UUID where one is known."""

    name: str
    kind: Literal["malware", "tool"]
    id: str | None = None
    evidence: list[Evidence] = []


class Technique(Struct, frozen=True, kw_only=True):
    """An ATT&CK technique; `explicit` where the text gives the id itself."""

    id: str
    name: str
    explicit: bool
    evidence: list[Evidence] = []


class Vulnerability(Struct, frozen=True, kw_only=True):
    """A CVE id that the text names."""

    id: str
    evidence: list[Evidence] = []


class Indicator(Struct, frozen=True, kw_only=True):
    """A value that the text gives as an indicator, refanged; `as_written` is how it stands there."""

    type: str
    value: str
    as_written: str
    evidence: list[Evidence] = []


class Summary(Struct, frozen=True, kw_only=True):
    """Sentences picked from the text, never written by us."""

    title: str | None = None
    activity: list[str] = []
    implications: list[str] = []
    mitigations: list[str] = []


class Analysis(Struct, frozen=True, kw_only=True):
    """All that reading one item yields. What stands in `analysed` and is empty was looked for and is not there."""

    language: str | None = None
    analysed: list[str] = []
    attackers: list[Attacker] = []
    targets: Targets = Targets()
    mentions: Mentions = Mentions()
    malware: list[Malware] = []
    techniques: list[Technique] = []
    vulnerabilities: list[Vulnerability] = []
    indicators: list[Indicator] = []
    summary: Summary = Summary()
