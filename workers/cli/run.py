"""`shirase run tagger|alerter`: the supervisor with its workers, or, with --worker-slot, one of those workers."""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.invocation import Invocation, invocation_of

if TYPE_CHECKING:
    from workers.settings import Settings

__all__ = ["Guarantee", "register"]

_run = typer.Typer(no_args_is_help=True, help="Run a part of the stream until it is stopped.")


class Guarantee(StrEnum):
    """How often a record may come out."""

    EXACTLY_ONCE = "exactly-once"
    AT_LEAST_ONCE = "at-least-once"


def register(app: typer.Typer) -> None:
    """Add `run` to the program."""
    app.add_typer(_run, name="run")


@_run.callback()
def _group() -> None:
    """Run a part of the stream until it is stopped."""


@_run.command("tagger")
def tagger(  # noqa: PLR0913 - a command's options
    context: typer.Context,
    *,
    workers: Annotated[
        int, typer.Option("--workers", "-w", min=1, max=256, help="How many worker processes share the partitions.")
    ] = 1,
    guarantee: Annotated[
        Guarantee | None,
        typer.Option(help="exactly-once commits events and offsets together; at-least-once may repeat after a crash."),
    ] = None,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Process what is there, then exit with 0.")] = False,
    over: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="A TOML file laid over shirase.toml.")
    ] = None,
    config_dir: Annotated[
        Path | None,
        typer.Option("--config-dir", metavar="DIR", help="The folder that holds shirase.toml and the rest."),
    ] = None,
    worker_slot: Annotated[int | None, typer.Option("--worker-slot", hidden=True, min=0)] = None,
) -> None:
    """Read raw items from Kafka, tag them, and publish the events, until Ctrl-C or SIGTERM.

    Workers that die are started again. The exit code is 0 when all is done, 1 when a worker stopped for a reason that a
    person must look at, 70 after a crash loop, 78 when the configuration is wrong.
    """
    invocation = _with_options(invocation_of(context), over, config_dir)
    settings = invocation.settings()
    if guarantee is not None:
        settings = replace(settings, tagger=replace(settings.tagger, guarantee=guarantee.value))
    if worker_slot is not None:
        raise typer.Exit(_work(settings, worker_slot, until_idle=until_idle))
    own = ["--guarantee", guarantee.value] if guarantee is not None else []
    idle = ["--until-idle"] if until_idle else []
    command = [sys.executable, "-m", "workers.cli.main", *invocation.arguments(), "run", "tagger", *own, *idle]
    raise typer.Exit(_supervise(settings, workers, command, settings.tagger.grace_s))


@_run.command("alerter")
def alerter(
    context: typer.Context,
    *,
    workers: Annotated[
        int, typer.Option("--workers", "-w", min=1, max=256, help="How many worker processes share the partitions.")
    ] = 1,
    over: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="A TOML file laid over shirase.toml.")
    ] = None,
    config_dir: Annotated[
        Path | None,
        typer.Option("--config-dir", metavar="DIR", help="The folder that holds shirase.toml and the rest."),
    ] = None,
    worker_slot: Annotated[int | None, typer.Option("--worker-slot", hidden=True, min=0)] = None,
) -> None:
    """Read tagged events from Kafka, fold them into stories, and raise alerts, until Ctrl-C or SIGTERM.

    What is watched and what is worth an alert stands in alerts.toml. Workers that die are started again; the exit codes
    are those of `run tagger`.
    """
    invocation = _with_options(invocation_of(context), over, config_dir)
    settings = invocation.settings()
    if worker_slot is not None:
        from workers.adapters.process import end_with_parent
        from workers.cli.wiring_alerter import run_alerter

        end_with_parent(sys.stdin.fileno())
        raise typer.Exit(run_alerter(settings, slot=worker_slot))
    command = [sys.executable, "-m", "workers.cli.main", *invocation.arguments(), "run", "alerter"]
    raise typer.Exit(_supervise(settings, workers, command, settings.alerter.grace_s))


def _with_options(invocation: Invocation, over: Path | None, config_dir: Path | None) -> Invocation:
    if over is not None:
        invocation = replace(invocation, over=over)
    if config_dir is not None:
        invocation = replace(invocation, config_dir=config_dir)
    return invocation


def _work(settings: Settings, slot: int, *, until_idle: bool) -> int:
    from workers.adapters.process import end_with_parent
    from workers.cli.bootstrap import run_worker

    assert settings.kafka.instance is not None, "the supervisor names it"
    end_with_parent(sys.stdin.fileno())
    return run_worker(settings, slot=slot, instance=settings.kafka.instance, until_idle=until_idle)


def _supervise(settings: Settings, workers: int, command: list[str], grace_s: float) -> int:
    import structlog

    from workers.adapters.log import configure_logging
    from workers.adapters.process import SystemClock
    from workers.adapters.supervisor import Supervisor, made_up_instance, spawn_worker

    configure_logging(settings.log, role="supervisor")
    instance = settings.kafka.instance or made_up_instance()
    supervisor = Supervisor(
        workers,
        settings.supervisor,
        spawn=spawn_worker(command, instance),
        clock=SystemClock(),
        grace_s=grace_s + 2.0,
        tell=structlog.get_logger("shirase.supervisor").info,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    return supervisor.run(time.sleep)
