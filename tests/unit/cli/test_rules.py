"""`shirase rules test`: figures by class, the floor, the routes' words, and its exit codes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cli_calls import CONFIG, Done, Program

NEXUS = """
class = "nexus"
[[en]]
id = "one"
body = "Chinese hackers broke into a Norwegian dairy."
attackers = ["CN"]
targets = ["NO"]
why = "adjective"
[[ja]]
id = "two"
body = "中国のハッカー集団がノルウェーの乳業会社に侵入した。"
attackers = ["CN"]
why = "国名"
"""
SILENT = """
class = "silent"
[[en]]
id = "three"
body = "The weather in Oslo was fine."
attackers = []
why = "nobody attacks"
"""
WRONG = """
class = "wrong"
[[en]]
id = "four"
body = "The weather in Oslo was fine."
attackers = ["IR"]
why = "a case that cannot be right"
"""
FLOOR = "precision = 1.0\nrecall = 1.0\n\n[right]\nnexus = 1.0\nsilent = 1.0\n"

Rules = Callable[..., Done]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    shutil.copytree(CONFIG, folder, ignore=shutil.ignore_patterns("cases"))
    (folder / "cases").mkdir()
    for name, text in (("nexus", NEXUS), ("silent", SILENT), ("floor", FLOOR)):
        (folder / f"cases/{name}.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def rules(config: Path, kept: Path) -> Rules:
    program = Program({"SHIRASE_KNOWLEDGE__CACHE_DIR": str(kept)})
    return lambda *arguments, code=0: program("--config-dir", config, "rules", "test", *arguments, code=code)


def test_a_person_sees_the_figures_by_class_and_of_all(rules: Rules) -> None:
    header, *lines = (line.split("\t") for line in rules().lines())
    assert header[:4] == ["class", "cases", "right", "share"]
    assert [(line[0], line[1], line[2]) for line in lines] == [
        ("nexus", "2", "2"),
        ("silent", "1", "1"),
        ("all", "3", "3"),
    ]


def test_a_program_gets_the_figures_and_the_failing_cases(rules: Rules, config: Path) -> None:
    (config / "cases/wrong.toml").write_text(WRONG, encoding="utf-8")
    report = rules("--json", code=1).json()
    assert report["ok"] is False
    assert report["overall"]["cases"] == 4
    assert report["classes"]["nexus"]["precision"] == 1.0
    assert [case["id"] for case in report["failing"]] == ["four"]
    assert report["failing"][0]["faults"] == [{"kind": "attackers", "says": "IR is not tagged as an attacker"}]


def test_below_the_floor_is_a_no_and_says_what(rules: Rules, config: Path) -> None:
    (config / "cases/wrong.toml").write_text(WRONG, encoding="utf-8")
    done = rules("--failing", code=1)
    assert "shirase: recall of attackers is 0.6666, below 1.0000" in done.err.replace("0.6667", "0.6666")
    assert "shirase: wrong: no floor is recorded" in done.err
    assert "wrong four: a case that cannot be right" in done.out
    assert "  The weather in Oslo was fine." in done.out


def test_one_class_alone_is_held_to_its_own_floor_only(rules: Rules, config: Path) -> None:
    (config / "cases/wrong.toml").write_text(WRONG, encoding="utf-8")
    assert [line.split("\t")[0] for line in rules("--class", "silent").lines()] == ["class", "silent", "all"]
    assert "nexus, silent, wrong" in rules("--class", "nexsus", code=2).words()


def test_recording_makes_todays_figures_the_floor(rules: Rules, config: Path) -> None:
    (config / "cases/wrong.toml").write_text(WRONG, encoding="utf-8")
    rules("--record")
    assert "wrong" in (config / "cases/floor.toml").read_text(encoding="utf-8")
    rules()
    assert "over all classes" in rules("--record", "--class", "silent", code=2).words()


@pytest.mark.parametrize(
    "condition",
    [
        'attacker_country = ["XX"]',
        'target_country = ["jpn"]',
        'sector = ["bank"]',
        'objective = ["gold"]',
        'technique = ["T0"]',
    ],
)
def test_a_route_that_can_never_match_is_a_no(rules: Rules, config: Path, condition: str) -> None:
    (config / "routes.toml").write_text(
        f'[[route]]\nname = "odd"\ntopic = "intel.tagged.cn"\n{condition}\n', encoding="utf-8"
    )
    done = rules(code=1)
    assert "routes.toml: route odd: " in done.err
    assert "stands in no event" in done.err


def test_the_same_words_in_other_letters_and_finer_sectors_are_known(rules: Rules, config: Path) -> None:
    route = '[[route]]\nname = "fine"\ntopic = "intel.tagged.cn"\nattacker_country = ["cn"]\nsector = ["Semiconductors"]\ntechnique = ["T1566"]\n'
    (config / "routes.toml").write_text(route, encoding="utf-8")
    rules()


@pytest.mark.parametrize(("name", "text"), [("again", NEXUS), ("broken", "class ="), ("floor", "precision = 'x'")])
def test_files_that_cannot_be_used_are_wrong_configuration(rules: Rules, config: Path, name: str, text: str) -> None:
    (config / f"cases/{name}.toml").write_text(text, encoding="utf-8")
    assert "wrong configuration" in rules(code=78).err


def test_without_any_case_there_is_nothing_to_hold(rules: Rules, config: Path) -> None:
    for path in (config / "cases").iterdir():
        path.unlink()
    assert "at least one file of cases" in rules(code=78).err


def test_a_floor_that_cannot_be_written_is_one_line_and_a_no(rules: Rules, config: Path) -> None:
    (config / "cases/floor.toml").unlink()
    (config / "cases/floor.toml").mkdir()
    assert len(rules("--record", code=1).err.splitlines()) == 1
