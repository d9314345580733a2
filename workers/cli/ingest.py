"""`shirase ingest`: puts items into a raw topic, byte for byte. What they are worth is for the worker to say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.arguments import Files
from workers.cli.invocation import invocation_of
from workers.cli.progress import Progress, progress_on_stderr

if TYPE_CHECKING:
    from workers.cli.documents import Document
    from workers.model import OutgoingRecord
    from workers.settings import KafkaSettings

__all__ = ["ingest_documents", "register"]

_BATCH = 500  # what is in flight at most: the client itself would take in everything while the broker is away


def register(app: typer.Typer) -> None:
    """Add `ingest` to the program."""
    app.command("ingest")(ingest)


def ingest(
    context: typer.Context,
    files: Files,
    *,
    topic: Annotated[
        str | None,
        typer.Option(
            "--topic", "-t", metavar="TOPIC", help="The raw topic. Not given: the first that the tagger reads."
        ),
    ] = None,
) -> None:
    """Put items into the stream, for the tagger to read.

    A line of JSON Lines is one item and goes in as it stands; a text, Markdown or HTML file becomes one item. Ends
    with 0 when the broker has acknowledged every item.
    """
    from workers.cli.documents import count_octets, read_documents

    settings = invocation_of(context).settings()
    into = topic or settings.tagger.sources[0]
    try:
        with progress_on_stderr(count_octets(files)) as progress:
            count = ingest_documents(settings.kafka, into, read_documents(files), progress)
    except OSError as error:
        typer.echo(f"shirase: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{count} items into {into}", err=True)


def ingest_documents(kafka: KafkaSettings, topic: str, documents: Iterable[Document], progress: Progress) -> int:
    """Publish `documents` to `topic`, each acknowledged by all replicas; says how many.

    Raises FatalError where the topic is missing or a record is refused; DependencyError; ConfigError.
    """
    from workers.adapters.kafka_browse import open_writer

    count = 0
    with open_writer(kafka, topic) as writer:
        for batch in _batches(documents):
            writer.write([_record(topic, document) for document in batch])
            count += len(batch)
            progress(len(batch), sum(document.octets for document in batch))
    return count


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    remaining = iter(documents)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def _record(topic: str, document: Document) -> OutgoingRecord:
    from workers.model import OutgoingRecord

    return OutgoingRecord(topic=topic, key=_key(document.value), value=document.value)


def _key(value: bytes) -> bytes | None:
    """The item's own id where it has one: versions of one item then keep their order."""
    import msgspec

    try:
        members = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
        found = msgspec.json.decode(members["id"], type=str)
        return found.encode() if found else None
    except (msgspec.DecodeError, KeyError, UnicodeError, RecursionError):
        return None
