"""`shirase knowledge`: which catalogues the worker reads with. Contacts nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from workers.cli.invocation import invocation_of
from workers.cli.output import AsJson, print_json, print_table

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="Look at the catalogues of groups, malware, sectors and places.")


def register(app: typer.Typer) -> None:
    """Add `knowledge` to the program."""
    app.add_typer(_group, name="knowledge")


@_group.callback()
def _knowledge() -> None:
    """Look at the catalogues of groups, malware, sectors and places."""


@_group.command("info")
def info(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the version of the knowledge and how much it holds. The version stands on every event."""
    from workers.knowledge import load_knowledge

    settings = invocation_of(context).settings()
    facts = load_knowledge(settings.config_dir, settings.knowledge.cache_dir).info()
    if as_json:
        print_json(facts)
        return
    print_table("Knowledge", ("what", "value"), list(_rows(facts)))


def _rows(facts: Mapping[str, Any], prefix: str = "") -> Iterator[dict[str, str]]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{prefix}{name} ")
        else:
            yield {"what": f"{prefix}{name}", "value": str(value)}
