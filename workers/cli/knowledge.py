"""`shirase knowledge`: which catalogues the worker reads with. `info` contacts nobody; `update` and `rollback` have a file of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import typer

from workers.cli import knowledge_update
from workers.cli.invocation import invocation_of
from workers.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from workers.settings import Settings

__all__ = ["register"]

_group = typer.Typer(
    no_args_is_help=True, help="The catalogues of groups, malware, sectors and places: look, update, go back."
)


def register(app: typer.Typer) -> None:
    """Add `knowledge` to the program."""
    _group.command("update")(knowledge_update.update)
    _group.command("rollback")(knowledge_update.rollback)
    app.add_typer(_group, name="knowledge")


@_group.callback()
def _knowledge() -> None:
    """The catalogues of groups, malware, sectors and places: look, update, go back."""


@_group.command("info")
def info(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the version of the knowledge, how much it holds, and which galaxies there are. The version stands on every event."""
    from workers.knowledge import load_knowledge

    settings = invocation_of(context).settings()
    facts = load_knowledge(settings.config_dir, settings.knowledge.cache_dir, settings.knowledge.data_dir).info()
    facts["galaxy"] = _galaxies(settings)
    if as_json:
        print_json(facts)
        return
    print_table("Knowledge", ("what", "value"), list(_rows(facts)))


def _galaxies(settings: Settings) -> dict[str, Any]:
    """Which galaxy is in use, which were before it, and what is known of each that is stored."""
    from workers.knowledge.store import PACKAGED, GalaxyStore, InUse

    folder = settings.knowledge.data_dir
    store = GalaxyStore(folder) if folder else None
    state = store.in_use() if store else InUse()
    stored = {
        manifest.name: f"taken {manifest.taken_at} from {manifest.source}, released {manifest.released}"
        for manifest in (store.manifests() if store else ())
    }
    return {
        "in_use": state.in_use,
        "before": list(state.before),
        "folder": str(store.folder) if store else None,
        "there": {PACKAGED: "ships with the package"} | stored,
    }


def _rows(facts: Mapping[str, Any], prefix: str = "") -> Iterator[dict[str, str]]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{prefix}{name} ")
        else:
            shown = ", ".join(value) if isinstance(value, list) else str(value)
            yield {"what": f"{prefix}{name}", "value": shown}
