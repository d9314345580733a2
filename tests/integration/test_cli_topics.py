"""`shirase topics` on a broker: says what differs, puts it right, and leaves to a person what only a person may decide."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.brokers import Broker
from tests.support.cli_calls import CONFIG, Program


@pytest.fixture
def names() -> tuple[str, str]:
    return Broker.unique("one"), Broker.unique("two")


@pytest.fixture
def declare(tmp_path: Path, names: tuple[str, str], any_broker: Broker) -> Declare:
    return Declare(tmp_path / "config", names, any_broker)


class Declare:
    """A configuration folder whose topics.toml is the test's own."""

    def __init__(self, folder: Path, names: tuple[str, str], broker: Broker) -> None:
        shutil.copytree(CONFIG, folder)
        self._folder = folder
        self._names = names
        self._program = Program({"SHIRASE_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap})
        self(2)

    def __call__(self, partitions: int, retention_ms: int = 60_000) -> None:
        rows = [
            f'[[topic]]\nname = "{name}"\npartitions = {partitions}\nreplication = 1\n'
            f'configs = {{ "cleanup.policy" = "delete", "retention.ms" = {retention_ms} }}\n'
            for name in self._names
        ]
        (self._folder / "topics.toml").write_text("\n".join(rows), encoding="utf-8")

    def topics(self, *arguments: str, code: int = 0) -> list[tuple[str, str, str]]:
        done = self._program("--config-dir", self._folder, "topics", *arguments, "--json", code=code)
        return [(row["topic"], row["what"], row["state"]) for row in done.json()["differences"]]

    def text(self, *arguments: str, code: int = 0) -> str:
        return self._program("--config-dir", self._folder, "topics", *arguments, code=code).out


def test_what_is_missing_is_named_and_then_made(declare: Declare, names: tuple[str, str]) -> None:
    assert declare.topics("check", code=1) == [(name, "missing", "topics apply") for name in names]
    assert declare.topics("apply") == [(name, "missing", "done") for name in names]
    assert declare.topics("check") == []
    assert declare.text("check") == "ok: 2 topics are as declared\n"
    assert declare.topics("apply") == []


def test_settings_and_more_partitions_are_put_right(declare: Declare, names: tuple[str, str]) -> None:
    declare.topics("apply")
    declare(3, retention_ms=120_000)
    expected = [(name, what) for name in names for what in ("partitions", "retention.ms")]
    assert [row[:2] for row in declare.topics("check", code=1)] == expected
    assert [row[:2] for row in declare.topics("apply")] == expected
    assert declare.topics("check") == []


def test_fewer_partitions_are_left_to_a_person(declare: Declare, names: tuple[str, str]) -> None:
    declare.topics("apply")
    declare(1)
    left = [(name, "partitions", "left to you") for name in names]
    assert declare.topics("check", code=1) == left
    assert declare.topics("apply", code=1) == left
    table = declare.text("check", code=1).splitlines()
    assert table[0].split("\t") == ["topic", "what", "is_now", "should_be", "state"]
    assert table[1].split("\t")[1:4] == ["partitions", "2", "1"]


@pytest.mark.parametrize("command", ["apply", "check"])
def test_no_broker_is_one_line_and_a_no(command: str) -> None:
    program = Program({"SHIRASE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "SHIRASE_KAFKA__REQUEST_TIMEOUT_MS": "1000"})
    done = program("topics", command, code=1)
    assert done.err.startswith("shirase: kafka")
    assert len(done.err.splitlines()) == 1
