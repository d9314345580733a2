"""Runs the reader's own sentences, each on its own: what must be tagged, what must not, and why.

The cases of config/cases are judged together against a recorded floor; a sentence here fails by itself.
"""

from __future__ import annotations

import tomllib
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


def sentences() -> list[Any]:
    found = []
    for path in sorted(HERE.glob("sentences_*.toml")):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        for number, case in enumerate(content["case"], start=1):
            found.append(pytest.param(content["language"], case, id=f"{path.stem}-{number}-{case['class']}"))
    return found


def named_actors(analysis: Analysis) -> set[str]:
    matches = [actor for attacker in analysis.attackers for actor in attacker.actors]
    names = {name for actor in matches for name in (actor.name, actor.alias, *actor.candidates)}
    return {name.casefold().removesuffix(" ransomware") for name in names}


def said(analysis: Analysis) -> dict[str, set[str]]:
    return {
        "attackers": {
            attacker.country for attacker in analysis.attackers if attacker.country and attacker.score >= 0.5
        },
        "targets": {target.code for target in analysis.targets.countries if target.score >= 0.5},
        "sectors": {sector.id for sector in analysis.targets.sectors if sector.score >= 0.5},
        "actors": named_actors(analysis),
        "objectives": {str(aim.id) for attacker in analysis.attackers for aim in attacker.objectives},
    }


@pytest.mark.parametrize(("language", "case"), sentences())
def test_sentence(reader: Reader, language: str, case: dict[str, Any]) -> None:
    analysis = reader.read(RawItem(body=case["text"], language=language))
    for kind, values in said(analysis).items():
        wanted = {value.casefold() if kind == "actors" else value for value in case.get(kind, [])}
        refused = {value.casefold() if kind == "actors" else value for value in case.get(f"never_{kind}", [])}
        assert wanted <= values, f"{kind}: {case['why']}"
        assert not refused & values, f"{kind}: {case['why']}"
    if "stance" in case:
        assert {attacker.stance for attacker in analysis.attackers} == {case["stance"]}


def test_enough_sentences_of_both_languages() -> None:
    listed = sentences()
    assert len(listed) >= 120
    assert {param.values[0] for param in listed} == {"en", "ja"}
