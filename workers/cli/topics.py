"""`shirase topics`: the topics of topics.toml, as they should be and as they are. Never removes or shrinks one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from workers.cli.invocation import invocation_of
from workers.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from workers.adapters.kafka_admin import TopicDifference

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="Create topics, and compare them with topics.toml.")
_COLUMNS = ("topic", "what", "is_now", "should_be", "state")


def register(app: typer.Typer) -> None:
    """Add `topics` to the program."""
    app.add_typer(_group, name="topics")


@_group.callback()
def _topics() -> None:
    """Create topics, and compare them with topics.toml."""


@_group.command("apply")
def apply(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Create the topics that are missing and alter those that differ.

    Nothing is deleted, and partitions are only added. What only a person may decide, such as fewer partitions, is
    shown and left; then the exit code is 1.
    """
    from workers.adapters.kafka_admin import TopicAdmin

    settings = invocation_of(context).settings()
    with TopicAdmin(settings.kafka) as admin:
        done, left = admin.apply(settings.topics)
    rows = _rows(done, "done") + _rows(left, "left to you")
    _show("Topics", rows, len(settings.topics), as_json=as_json)
    if left:
        raise typer.Exit(1)


@_group.command("check")
def check(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Say how the topics differ from topics.toml, and change nothing. The exit code is 1 when they differ."""
    from workers.adapters.kafka_admin import TopicAdmin

    settings = invocation_of(context).settings()
    with TopicAdmin(settings.kafka) as admin:
        found = admin.differences(settings.topics)
    rows = [row for one in found for row in _rows([one], "topics apply" if one.can_be_applied else "left to you")]
    _show("Topics", rows, len(settings.topics), as_json=as_json)
    if found:
        raise typer.Exit(1)


def _rows(differences: Sequence[TopicDifference], state: str) -> list[dict[str, Any]]:
    return [
        {
            "topic": one.topic,
            "what": one.key or one.kind,
            "is_now": one.is_now,
            "should_be": one.should_be,
            "state": state,
        }
        for one in differences
    ]


def _show(title: str, rows: list[dict[str, Any]], declared: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"declared": declared, "differences": rows})
    elif rows:
        print_table(title, _COLUMNS, rows)
    else:
        typer.echo(f"ok: {declared} topics are as declared")
