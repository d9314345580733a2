"""`shirase explain`: why an item was tagged as it was, and why not otherwise. Needs no server.

Reads files and writes to standard output, or one page to the file that `--html` names.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.arguments import Files
from workers.cli.invocation import invocation_of
from workers.cli.output import AsJson, is_terminal, print_json, printable
from workers.errors import ItemError

if TYPE_CHECKING:
    from workers.classify.explanation import Explainer
    from workers.classify.explanation_types import Explanation
    from workers.settings import Settings

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `explain` to the program."""
    app.command("explain")(explain)


def explain(
    context: typer.Context,
    files: Files,
    *,
    page: Annotated[
        Path | None, typer.Option("--html", metavar="OUT", help="Write one page for a browser to this file instead.")
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Stop after this many items.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show an item with its names marked, the rules for and against each attacker, and how each score came to be.

    For every country and actor that is named and is no attacker, it says why: a victim, an accuser, in passing, a
    common word, denied, no role, a score below the threshold. Items that cannot be read are reported on standard
    error; if there are any, the exit code is 1.
    """
    settings = invocation_of(context).settings()
    skipped: list[str] = []
    found = islice(_explained(files, settings, skipped), most)
    try:
        _show(found, page, as_json=as_json)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        typer.echo(f"shirase: {error}", err=True)
        raise typer.Exit(1) from error
    if skipped:
        raise typer.Exit(1)


def _show(found: Iterator[tuple[str, Explanation]], page: Path | None, *, as_json: bool) -> None:
    if page is not None:
        from workers.cli.explain_page import page_of

        page.write_text(page_of(list(found)), encoding="utf-8", errors="replace")
    elif as_json:
        for origin, explanation in found:
            print_json({"item": origin, "explanation": explanation})
    else:
        from workers.cli.explain_text import print_explanation

        for origin, explanation in found:
            print_explanation(origin, explanation, coloured=is_terminal())


def _explained(files: list[Path], settings: Settings, skipped: list[str]) -> Iterator[tuple[str, Explanation]]:
    from workers.cli.documents import read_documents
    from workers.formats.raw_item import ItemDecoder

    decoder = ItemDecoder(settings.tagger.max_item_bytes, settings.feeds)
    explainer = _explainer(settings)
    for document in read_documents(files):
        try:
            item = decoder.decode("(files)", document.value).item
        except ItemError as error:
            typer.echo(f"{document.origin}: {error.code}: {printable(error.detail)}", err=True)
            skipped.append(document.origin)
            continue
        yield document.origin, explainer.explain(item)


def _explainer(settings: Settings) -> Explainer:
    from workers.classify import Reader
    from workers.classify.explanation import Explainer
    from workers.knowledge import load_knowledge

    knowledge = load_knowledge(settings.config_dir, settings.knowledge.cache_dir, settings.knowledge.data_dir)
    return Explainer(Reader(knowledge), knowledge)
