"""`shirase knowledge info`: the version that stands on every event, and how much there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli_calls import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program({"SHIRASE_KNOWLEDGE__CACHE_DIR": str(tmp_path / "cache")})


def test_a_person_sees_one_fact_a_line(program: Program) -> None:
    header, *facts = (line.split("\t") for line in program("knowledge", "info").lines())
    assert header == ["what", "value"]
    shown = dict(facts)
    assert shown["version"].startswith("misp-galaxy@")
    assert int(shown["actors"]) > 500
    assert int(shown["clusters threat-actor"]) > 500


def test_a_program_gets_the_same(program: Program) -> None:
    facts = program("knowledge", "info", "--json").json()
    assert facts["version"].startswith("misp-galaxy@")
    assert facts["clusters"]["threat-actor"] > 500


def test_what_was_compiled_is_kept_and_used_again(program: Program, tmp_path: Path) -> None:
    first = program("knowledge", "info").out
    (kept,) = (tmp_path / "cache").iterdir()
    made = kept.stat().st_mtime_ns
    assert program("knowledge", "info").out == first
    assert kept.stat().st_mtime_ns == made
