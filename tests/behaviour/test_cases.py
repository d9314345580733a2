"""Runs the behaviour cases: what must be tagged, what must not, and why."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workers.classify import Reader
from workers.knowledge import load_knowledge
from workers.model import Analysis, RawItem

HERE = Path(__file__).parent
CONFIG = HERE.parents[1] / "config"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(load_knowledge(CONFIG, None))


def cases() -> Iterator[Any]:
    for path in sorted(HERE.glob("cases_*.toml")):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        for number, case in enumerate(content["case"], start=1):
            yield pytest.param(content["language"], case, id=f"{path.stem}-{number}-{case['class']}")


def named_actors(analysis: Analysis) -> set[str]:
    found = {name for attacker in analysis.attackers for actor in attacker.actors for name in (actor.name, actor.alias, *actor.candidates)}
    return {name.casefold().removesuffix(" ransomware") for name in found}


def countries(analysis: Analysis) -> set[str]:
    return {attacker.country for attacker in analysis.attackers if attacker.country and attacker.score >= 0.5}


def objectives(analysis: Analysis) -> set[str]:
    return {str(objective.id) for attacker in analysis.attackers for objective in attacker.objectives}


def said(analysis: Analysis) -> dict[str, set[str]]:
    return {
        "attackers": countries(analysis),
        "targets": {target.code for target in analysis.targets.countries if target.score >= 0.5},
        "sectors": {sector.id for sector in analysis.targets.sectors if sector.score >= 0.5},
        "actors": named_actors(analysis),
        "objectives": objectives(analysis),
    }


@pytest.mark.parametrize(("language", "case"), list(cases()))
def test_case(reader: Reader, language: str, case: dict[str, Any]) -> None:
    analysis = reader.read(RawItem(body=case["text"], language=language))
    found = said(analysis)
    for kind, values in found.items():
        wanted = {value.casefold() if kind == "actors" else value for value in case.get(kind, [])}
        refused = {value.casefold() if kind == "actors" else value for value in case.get(f"never_{kind}", [])}
        assert wanted <= values, f"{kind}: {case['why']}"
        assert not refused & values, f"{kind}: {case['why']}"
    if "stance" in case:
        assert {attacker.stance for attacker in analysis.attackers} == {case["stance"]}


def test_enough_cases_of_both_languages() -> None:
    listed = list(cases())
    assert len(listed) >= 120
    assert {param.values[0] for param in listed} == {"en", "ja"}
