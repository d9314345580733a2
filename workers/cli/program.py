"""The program `shirase`: global options, its commands, and the one place where expected errors become exit codes.

0 done, 1 the answer is no (or what was needed did not answer), 2 wrong usage, 78 wrong configuration.
Commands import what they need when they run, so that `shirase --help` and `shirase tag` start fast.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from workers import __version__
from workers.cli import (
    alerts,
    cache,
    config,
    demo,
    dlq,
    explain,
    ingest,
    knowledge,
    lookup,
    rules,
    run,
    tag,
    tail,
    topics,
)
from workers.cli.invocation import Invocation, find_config_dir
from workers.errors import ConfigError, ShiraseError

__all__ = ["EXIT_CONFIG", "EXIT_NO", "app"]

EXIT_NO = 1
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h
_COMMANDS = (demo, run, ingest, tag, explain, tail, alerts, lookup, topics, dlq, cache, config, knowledge, rules)


class _Program(TyperGroup):
    """Turns expected errors into one line on standard error and the exit code of their kind."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            typer.echo(f"shirase: wrong configuration: {error}", err=True)
            raise typer.Exit(EXIT_CONFIG) from error
        except ShiraseError as error:
            typer.echo(f"shirase: {error}", err=True)
            raise typer.Exit(EXIT_NO) from error


app = typer.Typer(
    name="shirase",
    cls=_Program,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - the shape of a typer callback
    if wanted:
        typer.echo(f"shirase {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    context: typer.Context,
    *,
    over: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", envvar="SHIRASE_CONFIG", help="A TOML file laid over shirase.toml, key by key."
        ),
    ] = None,
    config_dir: Annotated[
        Path | None,
        typer.Option(
            "--config-dir",
            metavar="DIR",
            envvar="SHIRASE_CONFIG_DIR",
            help="The folder that holds shirase.toml, topics.toml and the rest. Not given: ./config, else our own.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Read threat-intelligence prose and say **who attacks whom**, in which sector, and how sure that is.

    New here? `shirase demo` runs everything on this machine, and `shirase tag FILE` reads one file without any server.
    """
    del version  # its callback has done the work
    context.obj = Invocation(
        config_dir=find_config_dir(config_dir, Path.cwd()), over=over, environment=dict(os.environ)
    )


for _command in _COMMANDS:
    _command.register(app)
