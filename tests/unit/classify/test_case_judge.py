"""The judge of behaviour cases: what counts as right, what as found, missed and invented, and which files it refuses."""

from __future__ import annotations

import pytest

from workers.classify.case_figures import figures_by_class, figures_of, floor_of, floor_text, parse_floor, shortfalls
from workers.classify.cases import Case, Verdict, WantedAttacker, WantedMention, judge, parse_cases
from workers.errors import ConfigError
from workers.model import (
    ActorMatch,
    Analysis,
    Attacker,
    CountryMention,
    DeniedActor,
    Evidence,
    Indicator,
    Malware,
    Mentions,
    Objective,
    Sector,
    TargetCountry,
    Targets,
    Technique,
    Vulnerability,
)

PROOF = Evidence(field="body", start=0, end=1, quote="x", rule="nexus.attackers")


def attacker(country: str | None, *names: str, stance: str = "asserted", rank: str = "primary") -> Attacker:
    return Attacker(
        country=country,
        rank="primary" if rank == "primary" else "secondary",
        kind="unknown",
        score=0.9,
        stance="asserted" if stance == "asserted" else "suspected",
        actors=[ActorMatch(name=name, alias=name, score=0.9) for name in names],
        objectives=[Objective(id="espionage", score=0.8)],
        evidence=[PROOF],
    )


def case(**fields: object) -> Case:
    given: dict[str, object] = {"id": "c", "why": "because", "body": "text", "attackers": [], "cls": "k"} | fields
    return Case(**given)  # type: ignore[arg-type]


def said(verdict: Verdict) -> list[str]:
    return [f"{fault.kind}: {fault.says}" for fault in verdict.faults]


def test_a_case_is_right_where_nothing_is_wrong() -> None:
    verdict = judge(case(attackers=["CN"]), Analysis(attackers=[attacker("CN")]))
    assert (verdict.right, verdict.found, verdict.missed, verdict.invented) == (True, 1, 0, 0)


def test_who_is_not_listed_is_invented_and_who_is_not_tagged_is_missed() -> None:
    verdict = judge(case(attackers=["CN"], not_attackers=["NO"]), Analysis(attackers=[attacker("NO")]))
    assert (verdict.right, verdict.found, verdict.missed, verdict.invented) == (False, 0, 1, 1)
    assert said(verdict)[0] == "attackers: CN is not tagged as an attacker"
    assert "NO is tagged as an attacker (0.90, nexus.attackers), the very mistake" in said(verdict)[1]


def test_where_attackers_are_left_open_only_the_forbidden_ones_are_wrong() -> None:
    open_case = case(attackers=None, not_attackers=["IR"])
    assert judge(open_case, Analysis(attackers=[attacker("CN")])).right
    wrong = judge(open_case, Analysis(attackers=[attacker("IR")]))
    assert (wrong.right, wrong.invented) == (False, 0)


def test_a_group_without_a_country_is_found_by_its_name() -> None:
    wanted = case(attackers=[WantedAttacker(actor="Velvet Crowbar")])
    assert judge(wanted, Analysis(attackers=[attacker(None, "The Velvet-Crowbar gang")])).right
    other = judge(wanted, Analysis(attackers=[attacker(None, "Brass Heron")]))
    assert (other.missed, other.invented) == (1, 1)


def test_a_candidate_of_an_ambiguous_alias_counts_as_its_name() -> None:
    match = ActorMatch(name="Grey", alias="Grey", score=0.9, candidates=["Grey Heron", "Grey Owl"])
    found = Attacker(country="CN", rank="primary", kind="unknown", score=0.9, stance="asserted", actors=[match])
    assert judge(case(attackers=["CN"], actors=["Grey Owl"]), Analysis(attackers=[found])).right


@pytest.mark.parametrize(
    ("wanted", "fault"),
    [
        (WantedAttacker(country="CN", stance="suspected"), "stance: CN is asserted, not suspected"),
        (WantedAttacker(country="CN", rank="secondary"), "rank: CN is primary, not secondary"),
        (WantedAttacker(country="CN", actor="APT1"), "actors: APT1 is not among the actors of CN"),
    ],
)
def test_details_of_an_attacker_are_judged_too(wanted: WantedAttacker, fault: str) -> None:
    verdict = judge(case(attackers=[wanted]), Analysis(attackers=[attacker("CN")]))
    assert said(verdict) == [fault]
    assert (verdict.found, verdict.missed) == (1, 0)


FULL = Analysis(
    language="en",
    attackers=[attacker("CN", "APT1")],
    targets=Targets(
        countries=[TargetCountry(code="NO", score=0.9), TargetCountry(code="SE", score=0.3)],
        sectors=[Sector(id="technology", score=0.8, sub=["semiconductors"]), Sector(id="media", score=0.2)],
    ),
    mentions=Mentions(
        countries=[CountryMention(code="US", role="accuser")],
        actors=[DeniedActor(name="Lazarus Group", stance="denied")],
    ),
    malware=[Malware(name="PlugX", kind="malware")],
    techniques=[Technique(id="T1566", name="Phishing", explicit=False)],
    vulnerabilities=[Vulnerability(id="CVE-2024-1")],
    indicators=[Indicator(type="domain-name", value="evil.example", as_written="evil[.]example")],
)


def test_every_kind_of_tag_can_be_asked_for() -> None:
    asked = case(
        attackers=["CN"],
        targets=["NO"],
        not_targets=["SE"],
        sectors=["technology", "semiconductors"],
        not_sectors=["media"],
        objectives=["espionage", "CN:espionage"],
        not_objectives=["ip-theft"],
        techniques=["T1566"],
        malware=["plugx"],
        indicators=["domain-name evil.example", "evil.example"],
        not_indicators=["google.com"],
        vulnerabilities=["CVE-2024-1"],
        actors=["APT1"],
        not_actors=["APT2"],
        mentions=[
            WantedMention(country="US", role="accuser"),
            WantedMention(actor="Lazarus Group", role="denied"),
        ],
        detected="en",
    )
    assert said(judge(asked, FULL)) == []


def test_every_kind_of_tag_can_be_wrong() -> None:
    asked = case(
        attackers=["CN"],
        targets=["SE"],
        not_targets=["NO"],
        sectors=["media"],
        objectives=["RU:espionage"],
        not_techniques=["T1566"],
        not_malware=["PlugX"],
        not_indicators=["evil.example"],
        vulnerabilities=["CVE-2024-2"],
        organisations=["JAXA"],
        actors=["APT2"],
        not_actors=["APT1"],
        mentions=[WantedMention(country="US", role="bystander"), WantedMention(actor="APT9", role="denied")],
        detected="ja",
    )
    assert said(judge(asked, FULL)) == [
        "targets: SE is missing",
        "targets: NO is tagged",
        "sectors: media is missing",
        "objectives: RU:espionage is missing",
        "techniques: T1566 is tagged",
        "malware: PlugX is tagged",
        "indicators: evil.example is tagged",
        "vulnerabilities: CVE-2024-2 is missing",
        "organisations: JAXA is missing",
        "actors: APT2 is missing",
        "actors: APT1 is tagged",
        "mentions: US is not mentioned as bystander",
        "mentions: APT9 is not mentioned as denied",
        "language: read as en, not ja",
    ]


def test_a_file_gives_its_class_and_languages() -> None:
    text = 'class = "k"\n[[en]]\nid = "a"\nbody = "x"\nwhy = "w"\n[[detected]]\nid = "b"\ntitle = "y"\nwhy = "w"\n'
    first, second = parse_cases("k.toml", text)
    assert (first.cls, first.language, first.item().body) == ("k", "en", "x")
    assert (second.language, second.item().title) == (None, "y")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("class = ", "file"),
        ('[[en]]\nid = "a"\nbody = "x"\nwhy = "w"\n', "class"),
        ('class = "k"\nen = 3\n', "en"),
        ('class = "k"\n[[en]]\nid = "a"\nbody = "x"\n', "why"),
        ('class = "k"\n[[en]]\nid = "a"\nbody = "x"\nwhy = "w"\nattackerz = []\n', "attackerz"),
        ('class = "k"\n[[en]]\nid = "a"\nwhy = "w"\n', "body"),
        ('class = "k"\n[[en]]\nid = "a"\nbody = "x"\nwhy = "w"\nobjectives = ["CN:gold"]\n', "gold"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        parse_cases("k.toml", text)


def verdicts() -> list[Verdict]:
    right = judge(case(attackers=["CN"]), Analysis(attackers=[attacker("CN")]))
    missed = judge(case(attackers=["CN"], cls="m"), Analysis())
    invented = judge(case(cls="m", targets=["NO"]), Analysis(attackers=[attacker("CN")]))
    return [right, missed, invented]


def test_figures_are_those_of_attackers_and_of_whole_cases() -> None:
    total = figures_of(verdicts())
    assert (total.cases, total.right, total.others) == (3, 1, 1)
    assert (total.precision, total.recall) == (0.5, 0.5)
    assert {cls: figures.share for cls, figures in figures_by_class(verdicts()).items()} == {"k": 1.0, "m": 0.0}


def test_nothing_tagged_and_nothing_wanted_is_no_fault() -> None:
    total = figures_of([judge(case(), Analysis())])
    assert (total.precision, total.recall, total.share) == (1.0, 1.0, 1.0)


def test_a_floor_holds_for_what_it_was_recorded_from_and_not_for_less() -> None:
    floor = parse_floor("floor.toml", floor_text(floor_of(verdicts())))
    assert list(shortfalls(floor, verdicts())) == []
    worse = [judge(case(attackers=["CN"]), Analysis()), *verdicts()[1:]]
    assert list(shortfalls(floor, worse)) == [
        "precision of attackers is 0.0000, below 0.5000",
        "recall of attackers is 0.0000, below 0.5000",
        "k: 0 of 1 cases are right, below 1.0000",
    ]


def test_a_class_without_a_floor_must_be_recorded() -> None:
    floor = floor_of(verdicts()[:1])
    assert list(shortfalls(floor, verdicts(), overall=False)) == ["m: no floor is recorded"]


def test_a_broken_floor_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="record"):
        parse_floor("floor.toml", "precision = 'much'")
