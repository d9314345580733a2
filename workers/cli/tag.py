"""`shirase tag`: the stream's own pipeline over files, without any server. Events on standard output, one a line.

Order in is order out. What cannot be read is named on standard error with its place and reason, never dropped quietly.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from workers.cli.arguments import STANDARD_INPUT, Files
from workers.cli.invocation import invocation_of
from workers.cli.output import is_terminal, printable
from workers.cli.progress import Progress, progress_on_stderr, silent_progress

if TYPE_CHECKING:
    from workers.cli.documents import Document
    from workers.model import Tagged
    from workers.settings import Settings
    from workers.tagger.pipeline import Pipeline

__all__ = ["Format", "Rendering", "register", "render_analysis", "render_bundle", "render_documents", "render_json"]

_BATCH = 200
_TOPIC = "(files)"


class Format(StrEnum):
    """How an event is written."""

    JSON = "json"
    MARKDOWN = "markdown"
    ECS = "ecs"
    STIX = "stix"


Rendering: TypeAlias = "Callable[[Tagged], bytes]"


def render_json(tagged: Tagged) -> bytes:
    """The event as it would stand on the tagged topic, on one line."""
    return tagged.value + b"\n"


def render_analysis(tagged: Tagged) -> bytes:
    """The analysis of the event, section by section, for a person; a rule between two of them."""
    from workers.formats.markdown import render_markdown

    return f"{render_markdown(tagged.event)}\n---\n\n".encode()


def render_documents(tagged: Tagged) -> bytes:
    """Elastic Common Schema: one document per attacker, each on a line."""
    from workers.formats.ecs import render_ecs

    return render_ecs(tagged.event)


def render_bundle(tagged: Tagged) -> bytes:
    """A STIX 2.1 bundle on one line."""
    from workers.formats.stix import render_stix

    return render_stix(tagged.event) + b"\n"


# A further format is a member of Format and a row here.
_RENDERINGS: dict[Format, Rendering] = {
    Format.JSON: render_json,
    Format.MARKDOWN: render_analysis,
    Format.ECS: render_documents,
    Format.STIX: render_bundle,
}


@dataclass(slots=True)
class _Counts:
    tagged: int = 0
    dead_lettered: int = 0
    filtered: int = 0


def register(app: typer.Typer) -> None:
    """Add `tag` to the program."""
    app.command("tag")(tag)


def tag(
    context: typer.Context,
    files: Files,
    *,
    output_format: Annotated[
        Format,
        typer.Option(
            "--format",
            help="How events are written: json, one a line; markdown, an analysis each; ecs, an Elastic Common Schema "
            "document a line for each attacker; stix, a STIX 2.1 bundle a line.",
        ),
    ] = Format.JSON,
) -> None:
    """Read items from files and print tagged events. Needs no server.

    The same code reads the stream. Items that cannot be read are reported on standard error with the reason; if there
    are any, the exit code is 1. Third parties are not asked and no cache server is used.
    """
    from workers.cli.documents import read_documents

    settings = _offline(invocation_of(context).settings())
    pipeline = _pipeline(settings)
    counts = _Counts()
    size = 1 if STANDARD_INPUT in files else _BATCH
    try:
        with _progress(files) as progress:
            for batch in _batches(read_documents(files), size):
                _write_batch(pipeline, batch, _RENDERINGS[output_format], counts)
                progress(len(batch), sum(document.octets for document in batch))
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        typer.echo(f"shirase: {error}", err=True)
        raise typer.Exit(1) from error
    if counts.dead_lettered or counts.filtered:
        summary = f"{counts.tagged} tagged, {counts.dead_lettered} unreadable, {counts.filtered} filtered"
        typer.echo(f"shirase: {summary}", err=True)
    if counts.dead_lettered:
        raise typer.Exit(1)


def _progress(files: list[Path]) -> AbstractContextManager[Progress]:
    """Where the events go to a file and somebody waits at a terminal; elsewhere standard error is for what went wrong."""
    if not sys.stderr.isatty() or is_terminal():
        return nullcontext(silent_progress)
    from workers.cli.documents import count_octets

    return progress_on_stderr(count_octets(files))


def _offline(settings: Settings) -> Settings:
    """The settings without what needs a server: no cache server, and only lookups that the process answers itself."""
    local = tuple(row for row in settings.lookups if row.endpoint is None)
    return replace(settings, redis=replace(settings.redis, url=None), lookups=local)


def _pipeline(settings: Settings) -> Pipeline:
    from workers.adapters.process import SystemClock
    from workers.cli.bootstrap import tagger_pipeline
    from workers.telemetry import NullTelemetry

    return tagger_pipeline(settings, NullTelemetry(), SystemClock())


def _batches(documents: Iterable[Document], size: int) -> Iterator[list[Document]]:
    """Standard input may be somebody typing or a slow feed: each of its lines is answered at once, in batches of one."""
    remaining = iter(documents)
    while batch := list(islice(remaining, size)):
        yield batch


def _write_batch(pipeline: Pipeline, batch: list[Document], render: Rendering, counts: _Counts) -> None:
    from workers.model import DeadLettered, Partition, Record, Tagged

    place = Partition(_TOPIC, 0)
    records = [
        Record(partition=place, offset=at, timestamp_ms=0, key=None, value=document.value)
        for at, document in enumerate(batch)
    ]
    out = sys.stdout.buffer
    for document, outcome in zip(batch, pipeline.process(records).outcomes, strict=True):
        if isinstance(outcome, Tagged):
            out.write(render(outcome))
            counts.tagged += 1
        elif isinstance(outcome, DeadLettered):
            typer.echo(f"{document.origin}: {outcome.code}: {printable(outcome.detail)}", err=True)
            counts.dead_lettered += 1
        else:
            counts.filtered += 1
    out.flush()
