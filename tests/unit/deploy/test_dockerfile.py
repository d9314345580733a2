"""The Dockerfile: multi-stage, unprivileged, dependencies by hash only, and its commands are ours."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from workers.cli.program import app
from workers.settings import load_settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, continued lines joined."""
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    found: list[list[tuple[str, str]]] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append((word, " ".join(rest.split())))
    return found


def values(stage: list[tuple[str, str]], word: str) -> list[str]:
    return [rest for found, rest in stage if found == word]


def test_the_last_stage_carries_no_build_tools(stages: list[list[tuple[str, str]]]) -> None:
    assert len(stages) == 2
    assert values(stages[0], "FROM") == ["python:3.11-slim-bookworm AS build"]
    assert not [run for run in values(stages[1], "RUN") if "pip" in run]
    assert [copy for copy in values(stages[1], "COPY") if "--from=build" not in copy] == []


def test_everything_is_installed_by_hash(stages: list[list[tuple[str, str]]]) -> None:
    installs = [run for run in values(stages[0], "RUN") if "pip install" in run]
    assert installs
    assert all("--require-hashes" in run for run in installs)
    locked = (ROOT / "requirements/run.txt").read_text(encoding="utf-8")
    pins = [line for line in locked.splitlines() if "==" in line and not line.startswith(" ")]
    assert pins
    assert locked.count("--hash=sha256:") >= len(pins)


def test_it_does_not_run_as_root(stages: list[list[tuple[str, str]]]) -> None:
    (user,) = values(stages[1], "USER")
    assert user.split(":")[0].isdigit()
    assert int(user.split(":")[0]) > 0
    order = [word for word, _ in stages[1]]
    assert order.index("USER") < order.index("ENTRYPOINT")


def test_the_health_check_asks_the_port_that_the_worker_serves(stages: list[list[tuple[str, str]]]) -> None:
    (check,) = values(stages[1], "HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    ast.parse(command[2])
    port = load_settings(ROOT / "config", None, {}).metrics.port
    assert f"http://127.0.0.1:{port}/livez" in command[2]
    assert values(stages[1], "EXPOSE") == [str(port)]


def test_its_command_is_a_command_of_the_program(stages: list[list[tuple[str, str]]]) -> None:
    (entry,), (command,) = values(stages[1], "ENTRYPOINT"), values(stages[1], "CMD")
    assert json.loads(entry) == ["shirase"]
    done = CliRunner().invoke(app, [*json.loads(command), "--help"])
    assert done.exit_code == 0, done.output


def test_what_it_copies_is_sent_to_the_builder(stages: list[list[tuple[str, str]]]) -> None:
    sent = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")
    }
    copied = {copy.split()[0] for copy in values(stages[0], "COPY")}
    assert copied == sent
    assert all((ROOT / path).exists() for path in copied)


def test_the_knowledge_is_kept_where_both_stages_look(stages: list[list[tuple[str, str]]]) -> None:
    for stage in stages:
        assert any("SHIRASE_KNOWLEDGE__CACHE_DIR=/opt/shirase/knowledge" in env for env in values(stage, "ENV"))


def test_the_unprivileged_user_may_read_the_knowledge(stages: list[list[tuple[str, str]]]) -> None:
    """It is compiled by root, into a file that only its maker may read."""
    (compiling,) = [run for run in values(stages[0], "RUN") if "knowledge info" in run]
    assert "&& chmod -R a+rX /opt/shirase/knowledge" in compiling.partition("knowledge info")[2]
