"""Calls `shirase` as a user would, in this process, with topics and groups that nobody else uses."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tests.support.brokers import Broker
from workers.cli.program import app
from workers.settings import Settings, load_settings

__all__ = ["CONFIG", "Done", "Program", "program_on"]

CONFIG = Path(__file__).resolve().parents[2] / "config"


@dataclass(frozen=True)
class Done:
    """How a call ended."""

    code: int
    out: str
    err: str

    def lines(self) -> list[str]:
        """Standard output by lines."""
        return self.out.splitlines()

    def words(self) -> str:
        """Standard error without the frame and the line breaks that usage errors are drawn with."""
        return " ".join(self.err.replace("│", " ").split())

    def json(self) -> Any:
        """The one JSON value on standard output."""
        return json.loads(self.out)

    def jsons(self) -> list[Any]:
        """The JSON values on standard output, one a line."""
        return [json.loads(line) for line in self.lines()]


@dataclass(frozen=True)
class Program:
    """The program with an environment."""

    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str | Path, code: int = 0, stdin: bytes | None = None) -> Done:
        """Call it, and fail where it ends with another code than `code` or with an error that nobody expected."""
        call = ["--config-dir", str(CONFIG), *map(str, arguments)]
        done = CliRunner().invoke(app, call, input=stdin, env=self.environment)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, (arguments, done.exit_code, done.stdout, done.stderr)
        return Done(done.exit_code, done.stdout, done.stderr)

    @property
    def settings(self) -> Settings:
        """The settings that the calls see."""
        return load_settings(CONFIG, None, self.environment)


def program_on(broker: Broker) -> Program:
    """The program on `broker`, with fresh topics: one raw (2 partitions), one for events, one for dead letters."""
    raw, output, letters = broker.new_topic(partitions=2), broker.new_topic(), broker.new_topic(partitions=2)
    return Program(
        {
            "SHIRASE_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
            "SHIRASE_KAFKA__GROUP": Broker.unique("group"),
            "SHIRASE_KAFKA__REQUEST_TIMEOUT_MS": "10000",
            "SHIRASE_TAGGER__SOURCES": json.dumps([raw]),
            "SHIRASE_TAGGER__OUTPUT": output,
            "SHIRASE_TAGGER__DEAD_LETTER": letters,
        }
    )
