"""What was fetched from an address, as raw items: a feed, JSON Lines, one JSON item, a page or a text. Fetches nothing.

What it is, is told by what the server says, by the end of the address, and by its first bytes, since feeds are often
served as something else. Items that are raw items already go on byte for byte.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec

from workers.cli.documents import Document, lines_of
from workers.cli.downloads import FetchError, shown

if TYPE_CHECKING:
    from workers.adapters.http_download import Download
    from workers.formats.feeds import Feed
    from workers.formats.pages import Origin
    from workers.model import RawItem

ContentType: TypeAlias = Literal["text/plain", "text/html", "text/markdown"]
Kind: TypeAlias = Literal["lines", "json", "feed"] | ContentType

__all__ = ["EXPECTED", "web_documents"]

EXPECTED = "an RSS, Atom or JSON feed, JSON Lines, or a page in HTML, Markdown or plain text"
_LARGEST_FEED = 16 * 1024 * 1024  # what the parsers hold in memory is a multiple of it
_BY_SUFFIX: dict[str, Kind] = {
    ".jsonl": "lines",
    ".ndjson": "lines",
    ".json": "json",
    ".rss": "feed",
    ".atom": "feed",
    ".xml": "feed",
    ".rdf": "feed",
    ".md": "text/markdown",
    ".txt": "text/plain",
    ".html": "text/html",
    ".htm": "text/html",
}
_BY_TYPE: dict[str, Kind] = {
    "application/x-ndjson": "lines",
    "application/ndjson": "lines",
    "application/jsonl": "lines",
    "application/x-jsonlines": "lines",
    "application/json-lines": "lines",
    "application/json": "json",
    "application/feed+json": "json",
    "application/rss+xml": "feed",
    "application/atom+xml": "feed",
    "application/rdf+xml": "feed",
    "application/xml": "feed",
    "text/xml": "feed",
    "text/html": "text/html",
    "application/xhtml+xml": "text/html",
    "text/markdown": "text/markdown",
    "text/x-markdown": "text/markdown",
}
_SAYS_NOTHING = {
    "",
    "text/plain",
    "application/octet-stream",
    "binary/octet-stream",
    "application/gzip",
    "application/x-gzip",
}
_FEED_ROOT = re.compile(
    rb"\s*(?:<\?xml[^>]*>|<!--.*?-->|<!DOCTYPE[^>]*>|<\?[^>]*>|\s)*<(?:[A-Za-z]+:)?(?:rss|feed|RDF)[\s>]", re.DOTALL
)
_HEAD = 4096


def web_documents(download: Download, origin: Origin, warn: Callable[[str], None], most: int) -> Iterator[Document]:
    """The raw items in `download`, each with where it stands. `most`: the bytes that a packed one may unpack to.

    What is odd but can be read is told to `warn`. Raises FetchError where it is none of what can be read.
    """
    body = _unpacked(download, most)
    kind = _kind(download, body)
    if kind == "lines":
        yield from lines_of(shown(download.url), io.BytesIO(body))
    elif kind == "json":
        yield from _json(download, body, origin, warn)
    elif kind == "feed":
        yield from _of_feed(_xml(download, body, origin), download, warn)
    else:
        yield _page(download, body, kind, origin)


def _kind(download: Download, body: bytes) -> Kind:
    if _FEED_ROOT.match(body[:_HEAD].lstrip(b"\xef\xbb\xbf")):
        return "feed"
    suffix = _suffix(download.url)
    if download.media_type in _BY_TYPE:
        said = _BY_TYPE[download.media_type]
        return "lines" if said == "json" and _BY_SUFFIX.get(suffix) == "lines" else said
    if download.media_type not in _SAYS_NOTHING:
        raise FetchError(f"{shown(download.url)} is {download.media_type}: expected {EXPECTED}")
    found = _BY_SUFFIX.get(suffix) or ("text/plain" if download.media_type == "text/plain" else None)
    if found is None:
        raise FetchError(f"{shown(download.url)} does not say what it is: expected {EXPECTED}")
    return found


def _suffix(url: str) -> str:
    name = urlsplit(url).path.lower().rpartition("/")[2].removesuffix(".gz")
    return f".{name.rpartition('.')[2]}" if "." in name else ""


def _unpacked(download: Download, most: int) -> bytes:
    if not urlsplit(download.url).path.lower().endswith(".gz") or not download.body.startswith(b"\x1f\x8b"):
        return download.body
    unpacker = zlib.decompressobj(wbits=31)
    try:
        body = unpacker.decompress(download.body, most)
    except zlib.error as error:
        raise FetchError(f"{shown(download.url)} is no whole gzip file: {error}") from error
    if unpacker.unconsumed_tail:
        raise FetchError(f"{shown(download.url)} unpacks to more than download.max_bytes")
    if not unpacker.eof:
        raise FetchError(f"{shown(download.url)} is no whole gzip file: it ends too early")
    return body


def _xml(download: Download, body: bytes, origin: Origin) -> Feed:
    from workers.formats.feeds import FeedError, xml_feed

    _check_size(download, body)
    try:
        return xml_feed(body, download.media_type, download.charset, origin)
    except FeedError as error:
        raise FetchError(f"{shown(download.url)} {error}; expected {EXPECTED}") from error


def _json(download: Download, body: bytes, origin: Origin, warn: Callable[[str], None]) -> Iterator[Document]:
    """A JSON Feed, or one raw item as it stands."""
    from workers.formats.feeds import FeedError, is_json_feed, json_feed

    _check_size(download, body)
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FetchError(f"{shown(download.url)} is no JSON: {error}; expected {EXPECTED}") from error
    if is_json_feed(document):
        try:
            feed = json_feed(document, origin)
        except FeedError as error:
            raise FetchError(f"{shown(download.url)} {error}") from error
        yield from _of_feed(feed, download, warn)
    elif isinstance(document, dict) and document.keys() & {"title", "body", "summary"}:
        yield Document(shown(download.url), body, len(body))
    else:
        expected = (
            'a JSON Feed ("version": "https://jsonfeed.org/version/1.1"), or one item with a title, body or summary'
        )
        raise FetchError(f"{shown(download.url)} is JSON of another shape: expected {expected}")


def _check_size(download: Download, body: bytes) -> None:
    if len(body) > _LARGEST_FEED:
        raise FetchError(f"{shown(download.url)} has {len(body)} bytes: expected a feed of at most {_LARGEST_FEED}")


def _of_feed(feed: Feed, download: Download, warn: Callable[[str], None]) -> Iterator[Document]:
    where = shown(download.url)
    if feed.fault is not None:
        warn(f"{where} is not well-formed and is read as far as it goes: {feed.fault}")
    if feed.without_text:
        warn(f"{where}: {feed.without_text} entries without any text are left out")
    share = len(download.body) // max(1, len(feed.items))
    for number, item in enumerate(feed.items, 1):
        yield Document(f"{where}:{number}", _encoded(item), share)


def _page(download: Download, body: bytes, content_type: ContentType, origin: Origin) -> Document:
    from workers.formats.pages import page_item

    item = page_item(body, content_type, download.charset, origin)
    if not item.body or item.body.isspace():
        raise FetchError(f"{shown(download.url)} is empty: expected {EXPECTED}")
    return Document(shown(download.url), _encoded(item), len(body))


def _encoded(item: RawItem) -> bytes:
    """The item as JSON, without the members that it lacks."""
    members = {
        name: value for name in item.__struct_fields__ if (value := getattr(item, name)) is not None and value != []
    }
    if item.source is not None:
        source = item.source
        members["source"] = {n: v for n in source.__struct_fields__ if (v := getattr(source, n)) is not None}
    return msgspec.json.encode(members)
