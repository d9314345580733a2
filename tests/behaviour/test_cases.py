"""Runs every behaviour case against the recorded floor, and takes each class of rules away to see that the floor breaks.

A class that nothing notices is either dead or has no case: write one in config/cases.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from workers.classify import Reader
from workers.classify.case_figures import Floor, floor_of, parse_floor, shortfalls
from workers.classify.cases import Case, Verdict, judge
from workers.cli.rules import read_case_files
from workers.knowledge import Knowledge, RoleRule, Surface, load_knowledge
from workers.knowledge.entries import Compiled

CONFIG = Path(__file__).resolve().parents[2] / "config"

WORDS = {
    "people": ("HACKER", "FOE", "GROUP", "PERSON"),
    "attacks": ("ATTN", "DOING", "BREACH"),
    "deeds": ("ATTV", "ATTED", "DIDED", "USED", "ATTING", "CARRY", "HACKV", "CLAIM", "MAKER"),
    "links": ("LINK", "LINKS", "LSUF", "BSUF", "ATTR", "ORIGIN", "NEXJ"),
    "agents": ("BY", "BEHIND", "NIYORU", "INVJ"),
    "hedges": ("HEDGE",),
    "negation": ("NEG", "DENY"),
    "accusing": ("ACC", "SAY"),
    "victims": ("VICT", "SUFFER", "AGAINST", "NITAI"),
    "bystanders": ("HOST", "BIZ", "MSUF", "SSUF", "NOTHACK", "ANTI", "PRO", "SPEAKER", "SPEAKED", "HOME"),
    "governments": ("GOV", "STATE"),
    "funding": ("FUND",),
    "advisories": ("ADVISORY",),
    "naming": ("NAMING",),
    "particles": ("NO", "GA", "HA", "WO", "NI", "DE"),
    "prepositions": ("OF", "IN", "ON", "FROM", "WITH", "FOR", "TO", "AND"),
    "countries": ("NAME",),
    "demonyms": ("DEM",),
    "capitals": ("CAP",),
    "organs": ("ORGO", "ORG", "ORGA"),
    "places": ("PLACE",),
    "actors": ("ACTOR",),
    "families": ("MALW",),
    "phrases": ("SKIPPED",),
}

Change = Callable[[Compiled], Compiled]


@dataclass(frozen=True)
class Bench:
    """The cases, the knowledge as it is, and what it gives."""

    compiled: Compiled
    cases: list[Case]
    verdicts: list[Verdict]
    floor: Floor

    def shortfalls_after(self, change: Change) -> list[str]:
        return list(shortfalls(self.floor, judged(change(self.compiled), self.cases)))

    def first_broken(self, compiled: Compiled, languages: tuple[str, ...]) -> str | None:
        """The first case of the languages that is right with all the knowledge and wrong with `compiled`."""
        reader = Reader(Knowledge(compiled))
        for verdict in self.verdicts:
            case = verdict.case
            if verdict.right and case.language in languages and not judge(case, reader.read(case.item())).right:
                return case.id
        return None


def judged(compiled: Compiled, cases: list[Case]) -> list[Verdict]:
    reader = Reader(Knowledge(compiled))
    return [judge(case, reader.read(case.item())) for case in cases]


@pytest.fixture(scope="module")
def bench() -> Bench:
    compiled = load_knowledge(CONFIG, None).compiled
    cases = read_case_files(CONFIG / "cases")
    verdicts = judged(compiled, cases)
    return Bench(compiled, cases, verdicts, floor_of(verdicts))


def test_the_cases_hold_the_recorded_floor(bench: Bench) -> None:
    path = CONFIG / "cases/floor.toml"
    floor = parse_floor(str(path), path.read_text(encoding="utf-8"))
    assert list(shortfalls(floor, bench.verdicts)) == []


def test_there_are_enough_cases_in_both_languages(bench: Bench) -> None:
    assert len(bench.cases) >= 400
    by_language = {
        language: {case.cls for case in bench.cases if case.language == language} for language in ("en", "ja")
    }
    assert len(by_language["en"]) >= 28
    assert by_language["en"] - by_language["ja"] == set()


def test_pairs_differ_in_their_texts_and_in_who_attacks_whom(bench: Bench) -> None:
    by_id = {case.id: case for case in bench.cases}
    swapped = [case for case in bench.cases if case.id.endswith("-swapped")]
    assert len(swapped) >= 40
    for case in swapped:
        other = by_id[case.id.removesuffix("-swapped")]
        assert (other.title, other.body) != (case.title, case.body)
        assert (other.wanted, other.targets) != (case.wanted, case.targets), case.id


def without_rules(is_gone: Callable[[RoleRule], bool]) -> Change:
    return lambda compiled: replace(compiled, roles=tuple(rule for rule in compiled.roles if not is_gone(rule)))


def head(name: str) -> str:
    """The family of a rule: the first part of its name, in Japanese the first two."""
    parts = name.split(".")
    return ".".join(parts[: 2 if parts[0] == "ja" else 1])


def listed(pattern: str, part: str) -> list[Any]:
    """A part of each of the overlay's files: read from them, so that what is new is asked for from its first day."""
    return [
        tomllib.loads(path.read_text(encoding="utf-8"))[part] for path in sorted((CONFIG / "knowledge").glob(pattern))
    ]


@pytest.mark.parametrize(
    "name", sorted({head(rule["name"]) for file in listed("roles_*.toml", "rule") for rule in file})
)
def test_no_family_of_rules_can_go(bench: Bench, name: str) -> None:
    """Without any one family some case that is read rightly is read wrongly."""
    compiled = without_rules(lambda rule: head(rule.name) == name)(bench.compiled)
    languages = ("ja",) if name.startswith("ja.") else ("en",)
    assert bench.first_broken(compiled, languages) is not None


@pytest.mark.parametrize("role", ["target", "accuser", "bystander", "denied", "group"])
def test_no_role_can_go(bench: Bench, role: str) -> None:
    assert bench.shortfalls_after(without_rules(lambda rule: rule.role == role))


@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_language_can_go(bench: Bench, language: str) -> None:
    assert bench.shortfalls_after(without_rules(lambda rule: rule.language == language))


def stripped(surfaces: tuple[Surface, ...], classes: tuple[str, ...]) -> Iterator[Surface]:
    """The forms without their part in these classes; those that mean nothing else are gone."""
    for surface in surfaces:
        if surface.cls not in classes:
            yield surface
        elif surface.sectors or surface.objectives or surface.techniques or (surface.malware and "MALW" not in classes):
            yield replace(surface, cls="", country="", actors=())


def without_words(classes: tuple[str, ...]) -> Change:
    def change(compiled: Compiled) -> Compiled:
        words = {word: cls for word, cls in compiled.words.items() if cls not in classes}
        return replace(compiled, words=words, surfaces=tuple(stripped(compiled.surfaces, classes)))

    return change


@pytest.mark.parametrize("name", WORDS)
def test_no_group_of_words_can_go(bench: Bench, name: str) -> None:
    assert bench.shortfalls_after(without_words(WORDS[name]))


# BESIDE is the guards' (below), words of SKIP are passed over, and what is possessive the coder knows without a list.
@pytest.mark.parametrize(
    "name", sorted({name for file in listed("cues_*.toml", "class") for name in file} - {"BESIDE", "SKIP", "POSS"})
)
def test_no_class_of_words_can_go(bench: Bench, name: str) -> None:
    """Without any one class of the cue files some case that is read rightly is read wrongly."""
    assert bench.first_broken(without_words((name,))(bench.compiled), ("en", "ja")) is not None


def without(**fields: Any) -> Change:
    """Every form without some of its members."""
    return lambda compiled: replace(
        compiled,
        surfaces=tuple(
            replace(surface, **fields) if surface.cls != "BREAK" else surface for surface in compiled.surfaces
        ),
    )


def unguarded(guard: str) -> Change:
    return lambda compiled: replace(
        compiled,
        surfaces=tuple(
            replace(surface, guard="") if surface.guard == guard else surface for surface in compiled.surfaces
        ),
    )


OTHER_PARTS: dict[str, Change] = {
    "sectors": without(sectors=()),
    "objectives": without(objectives=()),
    "techniques": without(techniques=()),
    "capitals of names": without(case=0, exact=()),
    "guards of common words": unguarded("beside"),
    "guards of personal names": unguarded("person"),
    "values that are no indicators": lambda compiled: replace(compiled, benign_domains=()),
    "top-level domains": lambda compiled: replace(compiled, top_level_domains=()),
}


@pytest.mark.parametrize("name", OTHER_PARTS)
def test_no_other_part_of_the_knowledge_can_go(bench: Bench, name: str) -> None:
    assert bench.shortfalls_after(OTHER_PARTS[name])


@pytest.mark.parametrize("class_name", ["NEG", "HEDGE"])
def test_a_class_emptied_in_the_files_breaks_the_floor(bench: Bench, class_name: str, tmp_path: Path) -> None:
    """The same through the files: what an analyst takes out of config/knowledge is what the reader loses."""
    folder = tmp_path / "knowledge"
    folder.mkdir()
    for path in (CONFIG / "knowledge").glob("*.toml"):
        (folder / path.name).write_text(emptied(path.read_text(encoding="utf-8"), class_name), encoding="utf-8")
    knowledge = load_knowledge(tmp_path, None)
    assert list(shortfalls(bench.floor, judged(knowledge.compiled, bench.cases)))


def emptied(text: str, class_name: str) -> str:
    """The file with `CLASS = [...]`, over one line or several, as an empty list."""
    start = text.find(f"\n{class_name} = [")
    if start < 0:
        return text
    end = text.index("]", start)
    return f"{text[:start]}\n{class_name} = [{text[end:]}"
