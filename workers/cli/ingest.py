"""`shirase ingest`: puts items into a raw topic, byte for byte. What they are worth is for the worker to say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from workers.cli.arguments import FilesOrAddresses
from workers.cli.downloads import Internal, fetch, is_address, open_downloader, shown
from workers.cli.invocation import invocation_of
from workers.cli.output import printable
from workers.cli.progress import Progress, progress_on_stderr

if TYPE_CHECKING:
    from workers.adapters.http_download import Download
    from workers.cli.documents import Document
    from workers.formats.pages import Origin
    from workers.model import OutgoingRecord
    from workers.settings import KafkaSettings, Settings

__all__ = ["ingest_documents", "register"]

_BATCH = 500  # what is in flight at most: the client itself would take in everything while the broker is away
_ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/x-ndjson, text/markdown, "
    "text/html;q=0.9, application/xml;q=0.9, application/json;q=0.9, text/plain;q=0.8, */*;q=0.1"
)


class TlpName(StrEnum):
    """The levels of TLP 2.0 on the command line."""

    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"
    AMBER_STRICT = "amber+strict"
    RED = "red"


def register(app: typer.Typer) -> None:
    """Add `ingest` to the program."""
    app.command("ingest")(ingest)


def ingest(
    context: typer.Context,
    sources: FilesOrAddresses,
    *,
    topic: Annotated[
        str | None,
        typer.Option(
            "--topic", "-t", metavar="TOPIC", help="The raw topic. Not given: the first that the tagger reads."
        ),
    ] = None,
    tlp: Annotated[
        TlpName | None,
        typer.Option(
            "--tlp",
            case_sensitive=False,
            help="The level of what is fetched. Not given: clear, and with --internal none, which means not known.",
        ),
    ] = None,
    source_name: Annotated[
        str | None,
        typer.Option("--source", metavar="NAME", help="Who published what is fetched. Not given: what it says itself."),
    ] = None,
    internal: Internal = False,
) -> None:
    """Put items into the stream, for the tagger to read.

    A line of JSON Lines is one item and goes in as it stands; a text, Markdown or HTML file becomes one item. From an
    address, each entry of a feed becomes one item, a page one, and JSON Lines go in as they stand; --tlp and --source
    are for the first two. An entry fetched again has the same id. Everything is fetched before anything goes in. Ends
    with 0 when the broker has acknowledged every item.
    """
    from workers.cli.documents import count_octets

    settings = invocation_of(context).settings()
    into = topic or settings.tagger.sources[0]
    files = [Path(source) for source in sources if not is_address(source)]
    said = _Said(tlp or (None if internal else TlpName.CLEAR), source_name)
    fetched = _fetched(settings, [source for source in sources if is_address(source)], is_internal=internal)
    web = {url: list(_web_documents(settings, url, found, said)) for url, found in fetched.items()}
    try:
        with progress_on_stderr(None if web else count_octets(files)) as progress:
            count = ingest_documents(settings.kafka, into, _documents(sources, web), progress)
    except OSError as error:
        typer.echo(f"shirase: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{count} items into {into}", err=True)


class _Said:
    """What the caller says of everything that is fetched."""

    def __init__(self, tlp: TlpName | None, source: str | None) -> None:
        self.tlp = None if tlp is None else tlp.value.upper()
        self.source = source

    def origin(self, url: str) -> Origin:
        from workers.formats.pages import Origin

        return Origin(url=url, host=urlsplit(url).hostname or "", source_name=self.source, tlp=self.tlp)


def _fetched(settings: Settings, urls: Sequence[str], *, is_internal: bool) -> dict[str, Download]:
    if not urls:
        return {}
    with open_downloader(settings, is_internal=is_internal) as downloader:
        return {url: fetch(downloader, url, _ACCEPT) for url in urls}


def _web_documents(settings: Settings, url: str, found: Download, said: _Said) -> Iterator[Document]:
    from workers.cli.web_documents import web_documents

    def warn(words: str) -> None:
        typer.echo(f"shirase: {printable(words)}", err=True)

    documents = list(web_documents(found, said.origin(url), warn, settings.download.max_bytes))
    typer.echo(f"{len(documents)} items from {shown(url)}", err=True)
    yield from documents


def _documents(sources: Sequence[str], web: dict[str, list[Document]]) -> Iterator[Document]:
    """The items of every source, in the order in which they were named."""
    from workers.cli.documents import read_documents

    for source in sources:
        yield from web[source] if source in web else read_documents([Path(source)])


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
