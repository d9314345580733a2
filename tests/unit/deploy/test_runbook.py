"""The runbook: sections of one shape, and commands that the program really has."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from deploy.runbook import Section, runbook_link, sections
from workers.cli.program import app

COMMANDS = sorted({command for section in sections() for command in section.commands if "…" not in command})


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.anchor)
def test_each_section_says_what_it_means_what_to_look_at_and_what_to_do(section: Section) -> None:
    for part in ("**Means.**", "**Look at.**", "**Do.**"):
        assert section.text.count(part) == 1, part


def test_anchors_are_unique() -> None:
    anchors = [section.anchor for section in sections()]
    assert len(anchors) == len(set(anchors)) > 10


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_exists_with_its_options(command: str) -> None:
    words = shlex.split(command)[1:]
    path, options = _command(words), {word for word in words if word.startswith("--")}
    done = CliRunner().invoke(app, [*path, "--help"], terminal_width=300, color=False)
    assert done.exit_code == 0, done.output
    assert {option for option in options if option not in done.output} == set()


def _command(words: list[str]) -> list[str]:
    """The command's own words, without arguments: `dlq show`, `lookup`."""
    found: list[str] = []
    at: Any = typer.main.get_command(app)
    for word in words:
        at = getattr(at, "commands", {}).get(word)
        if at is None:
            break
        found.append(word)
    assert found, f"no such command: {words}"
    return found


def test_a_command_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(AssertionError, match="no such command"):
        _command(["mend", "everything"])


def test_a_link_to_a_section_that_does_not_exist_is_refused() -> None:
    assert runbook_link("Instance down").endswith("viewPanel=panel-1")
    with pytest.raises(ValueError, match="No such thing"):
        runbook_link("No such thing")
