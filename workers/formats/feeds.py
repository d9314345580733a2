"""Feeds as raw items: RSS and Atom by feedparser, JSON Feed by its own types. Bytes in, items out; fetches nothing.

feedparser is given bytes, never an address, so that it opens no connection and no file. A document that declares
entities is refused before: no feed needs them, and they are what XML bombs and the reading of local files are made of.
JSON Feed: https://www.jsonfeed.org/version/1.1/
"""

from __future__ import annotations

import calendar
import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import feedparser
import msgspec
from feedparser.exceptions import CharacterEncodingOverride, NonXMLContentType
from msgspec import Struct
from msgspec.structs import replace

from workers.formats.ids import ITEM_NAMESPACE, fast_uuid5
from workers.formats.pages import Origin, language_of, moment_of, plain_text, with_id
from workers.model import RawItem
from workers.model.item import ContentType

__all__ = ["Feed", "FeedError", "is_json_feed", "json_feed", "xml_feed"]

_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_JSON_FEED = "https://jsonfeed.org/version/"
_HARMLESS = (CharacterEncodingOverride, NonXMLContentType)
_HTML = {"text/html", "application/xhtml+xml"}


class FeedError(ValueError):
    """What was to be a feed is none, or may do harm. The message says why."""


class Feed(Struct, frozen=True, kw_only=True):
    """The items of a feed, in its order. `without_text`: entries that have none. `fault`: what is malformed, in words."""

    items: tuple[RawItem, ...]
    without_text: int
    fault: str | None = None


def xml_feed(content: bytes, media_type: str, charset: str | None, origin: Origin) -> Feed:
    """The feed in an RSS or Atom document. One that is not well-formed is read as far as it goes, and says so.

    Raises FeedError.
    """
    if _ENTITY.search(content):
        raise FeedError("declares entities (<!ENTITY ...>), which is refused: expected RSS or Atom without them")
    headers = {"content-location": origin.url}
    if media_type:
        headers["content-type"] = media_type + (f"; charset={charset}" if charset else "")
    parsed = feedparser.parse(io.BytesIO(content), response_headers=headers)
    fault = parsed.get("bozo_exception")
    if not parsed.entries and not parsed.get("version"):
        raise FeedError(f"is no RSS or Atom feed{f' ({_first_line(fault)})' if fault else ''}")
    texts = [_xml_item(entry, parsed.feed, origin) for entry in parsed.entries]
    return _feed(texts, None if fault is None or isinstance(fault, _HARMLESS) else _first_line(fault))


def _xml_item(entry: Any, feed: Any, origin: Origin) -> RawItem:
    body, kind = _body_of(entry)
    url = _web(entry.get("link"))
    item = RawItem(
        title=_plain(entry.get("title_detail")),
        summary=None if entry.get("summary") == body else entry.get("summary"),
        body=body,
        content_type=kind,
        url=url,
        language=language_of(entry.get("language") or feed.get("language")),
        published_at=_published(entry),
        source=origin.source(_plain(feed.get("title_detail")), _web(feed.get("link"))),
        tlp=origin.tlp,
    )
    return _identified(item, entry.get("id"), origin)


def _body_of(entry: Any) -> tuple[str | None, ContentType]:
    """The fullest text of an entry and how it is written; the summary is taken to be written likewise."""
    details = [*entry.get("content", ()), *([entry["summary_detail"]] if "summary_detail" in entry else [])]
    if not details:
        return None, "text/plain"
    is_html = any(detail.get("type") in _HTML for detail in details)
    return details[0].get("value"), "text/html" if is_html else "text/plain"


class _JsonAuthor(Struct):
    name: str | None = None


class _JsonItem(Struct):
    id: str | int | float | None = None
    url: str | None = None
    external_url: str | None = None
    title: str | None = None
    content_html: str | None = None
    content_text: str | None = None
    summary: str | None = None
    date_published: str | None = None
    date_modified: str | None = None
    language: str | None = None


class _JsonFeed(Struct):
    version: str
    items: list[_JsonItem]
    title: str | None = None
    home_page_url: str | None = None
    language: str | None = None


def is_json_feed(document: object) -> bool:
    """Whether a decoded JSON document says that it is a JSON Feed."""
    version = document.get("version") if isinstance(document, dict) else None
    return isinstance(version, str) and version.startswith(_JSON_FEED)


def json_feed(document: object, origin: Origin) -> Feed:
    """The feed in a decoded JSON Feed document. Raises FeedError."""
    try:
        feed = msgspec.convert(document, _JsonFeed)
    except msgspec.ValidationError as error:
        raise FeedError(f"is no JSON Feed: {error}") from error
    return _feed([_json_item(entry, feed, origin) for entry in feed.items], None)


def _json_item(entry: _JsonItem, feed: _JsonFeed, origin: Origin) -> RawItem:
    is_html = bool(entry.content_html)
    item = RawItem(
        title=entry.title,
        summary=entry.summary,
        body=entry.content_html if is_html else entry.content_text,
        content_type="text/html" if is_html else "text/plain",
        url=_web(entry.url) or _web(entry.external_url),
        language=language_of(entry.language or feed.language),
        published_at=moment_of(entry.date_published) or moment_of(entry.date_modified),
        source=origin.source(feed.title, _web(feed.home_page_url)),
        tlp=origin.tlp,
    )
    return _identified(item, None if entry.id is None else str(entry.id), origin)


def _identified(item: RawItem, own: str | None, origin: Origin) -> RawItem:
    """`item` with an id that is the same at every fetch: of its address, else of the feed's id for it, else of its text."""
    if item.url is None and own:
        return replace(item, id=fast_uuid5(ITEM_NAMESPACE, f"{origin.url}\n{own}"))
    return with_id(item)


def _feed(items: Iterable[RawItem], fault: str | None) -> Feed:
    every = list(items)
    kept = tuple(item for item in every if any(_texts(item)))
    return Feed(items=kept, without_text=len(every) - len(kept), fault=fault)


def _texts(item: RawItem) -> Iterator[bool]:
    return (bool(text and not text.isspace()) for text in (item.title, item.body, item.summary))


def _plain(detail: Any) -> str | None:
    if not detail or not detail.get("value"):
        return None
    value = str(detail["value"])
    return plain_text(value) if detail.get("type") in _HTML else value


def _web(url: object) -> str | None:
    return url if isinstance(url, str) and url.lower().startswith(("http://", "https://")) else None


def _published(entry: Any) -> str | None:
    """When an entry came out, else when it was changed. Asked of the plain dict: feedparser's own gives one for the other."""
    return _moment(dict.get(entry, "published_parsed")) or _moment(dict.get(entry, "updated_parsed"))


def _moment(utc: Any) -> str | None:
    """What feedparser made of a date: in UTC already."""
    try:
        return None if utc is None else moment_of(datetime.fromtimestamp(calendar.timegm(utc), UTC).isoformat())
    except (OverflowError, ValueError, OSError):
        return None


def _first_line(error: object) -> str:
    return str(error).partition("\n")[0][:200]
