"""The program as a whole: help that a newcomer understands, exit codes, one line for expected errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.support.cli_calls import Program
from workers import __version__
from workers.cli.program import app
from workers.errors import ConfigError, DependencyError, FatalError

COMMANDS = {
    (): {"demo", "run", "ingest", "tag", "tail", "topics", "dlq", "config", "knowledge"},
    ("topics",): {"apply", "check"},
    ("dlq",): {"list", "show", "retry"},
    ("config",): {"check"},
    ("knowledge",): {"info"},
    ("run",): {"tagger"},
}
LEAVES = [(*group, name) for group, names in COMMANDS.items() for name in sorted(names) if (name,) not in COMMANDS]


def test_version() -> None:
    assert Program()("--version").out == f"shirase {__version__}\n"


@pytest.mark.parametrize("group", COMMANDS, ids=" ".join)
def test_a_group_lists_its_commands(group: tuple[str, ...]) -> None:
    shown = Program()(*group, "--help").out
    for name in COMMANDS[group]:
        assert f" {name} " in shown


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
def test_every_command_explains_itself_and_each_of_its_options(command: tuple[str, ...]) -> None:
    leaf = typer.main.get_command(app)
    for name in command:
        leaf = leaf.commands[name]  # type: ignore[attr-defined]
    assert leaf.help
    assert len(leaf.help) > 40
    for parameter in leaf.params:
        if not getattr(parameter, "hidden", False) and "--help" not in parameter.opts:
            assert getattr(parameter, "help", None), (command, parameter.name)


@pytest.mark.parametrize("command", [("dlq", "list"), ("topics", "check"), ("topics", "apply"), ("config", "check"),
                                     ("knowledge", "info"), ("demo",), ("tail",), ("dlq", "show"), ("dlq", "retry")],
                         ids=" ".join)  # fmt: skip
def test_whatever_prints_a_table_can_print_json(command: tuple[str, ...]) -> None:
    assert "--json" in Program()(*command, "--help").out


@pytest.mark.parametrize(
    "call", [("nothing",), ("tag",), ("tail", "--min-score", "2"), ("run", "tagger", "--workers", "0")]
)
def test_wrong_usage_is_2(call: tuple[str, ...]) -> None:
    done = Program()(*call, code=2)
    assert done.out == ""
    assert "Usage:" in done.err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("a.toml", "k", 1, "2"), 78, "shirase: wrong configuration: a.toml: k = 1: expected 2\n"),
        (FatalError("missing-topic", "topic t"), 1, "shirase: missing-topic: topic t\n"),
        (DependencyError("kafka", "away"), 1, "shirase: kafka: away\n"),
    ],
)
def test_expected_errors_are_one_line_and_a_code(
    error: Exception, code: int, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("workers.cli.invocation.Invocation.settings", fail)
    done = CliRunner().invoke(app, ["config", "check"])
    assert (done.exit_code, done.stdout, done.stderr) == (code, "", line)


def test_an_unexpected_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("workers.cli.invocation.Invocation.settings", fail)
    assert isinstance(CliRunner().invoke(app, ["config", "check"]).exception, ZeroDivisionError)


def test_starting_loads_no_client_and_no_knowledge() -> None:
    heavy = ("kafka", "redis", "requests", "prometheus_client", "rich.console", "ahocorasick_rs", "pymispgalaxies")
    probe = f"import sys, workers.cli.program; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "[]\n"


def test_the_console_script_and_the_module_are_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workers.cli.main", "--version"], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == f"shirase {__version__}\n"
