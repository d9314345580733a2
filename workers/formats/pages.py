"""A web page, or a bare text, as a raw item: its text as it stands, and what its head says of it. Pure."""

from __future__ import annotations

import codecs
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from workers.formats.ids import content_digest, item_id
from workers.model import RawItem
from workers.model.item import ContentType, Source

__all__ = ["Origin", "decoded_text", "language_of", "moment_of", "page_item", "plain_text", "with_id"]

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_HEAD_BYTES = 4096
_DATES = ("article:published_time", "og:published_time", "datepublished", "dc.date", "dcterms.created", "date")


class Origin(Struct, frozen=True, kw_only=True):
    """Where something was fetched from, and what the caller says of its items; the source's name may come from inside."""

    url: str
    host: str
    source_name: str | None = None
    tlp: str | None = None

    def source(self, name: str | None, url: str | None) -> Source:
        """The source of an item whose document calls itself `name` and its home `url`."""
        home = urlsplit(self.url)._replace(query="", fragment="").geturl()  # a query may hold a key
        return Source(name=self.source_name or name or self.host, url=url or home)


def page_item(content: bytes, content_type: ContentType, charset: str | None, origin: Origin) -> RawItem:
    """The item of a single page or text. Its id follows from its address."""
    text = decoded_text(content, charset, is_html=content_type == "text/html")
    head = _Head()
    if content_type == "text/html":
        head.feed(text)
        head.close()
    return with_id(
        RawItem(
            title=" ".join("".join(head.title).split()) or None,
            body=text,
            content_type=content_type,
            url=origin.url,
            language=language_of(head.language),
            published_at=next(filter(None, (moment_of(head.dates.get(name)) for name in _DATES)), None),
            source=origin.source(head.site, None),
            tlp=origin.tlp,
        )
    )


def with_id(item: RawItem) -> RawItem:
    """`item` with the id that the worker would give it: the same each time that it is fetched."""
    return replace(item, id=item_id(item, content_digest(item)))


def decoded_text(content: bytes, charset: str | None, *, is_html: bool) -> str:
    """The text, in the encoding that its first bytes, its sender or its head name, else UTF-8; what does not fit is replaced."""
    named = next((name for mark, name in _BOMS if content.startswith(mark)), charset)
    if named is None and is_html:
        found = _META_CHARSET.search(content[:_HEAD_BYTES])
        named = found[1].decode("ascii") if found else None
    try:
        return content.decode(named or "utf-8", "replace")
    except (LookupError, UnicodeError, ValueError):  # an encoding that there is not, or that is no text encoding
        return content.decode("utf-8", "replace")


def plain_text(markup: str) -> str:
    """The words of a piece of HTML, on one line."""
    collector = _Words()
    collector.feed(markup)
    collector.close()
    return " ".join("".join(collector.parts).split())


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


class _Head(HTMLParser):
    """Collects what the head of a page says: its title, language, site and dates."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.language: str | None = None
        self.site: str | None = None
        self.dates: dict[str, str] = {}
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = self.language or named.get("lang")
        elif tag == "title":
            self._inside = not self.title  # a picture further down may have a title, too
        elif tag == "meta":
            self._meta((named.get("property") or named.get("name") or "").lower(), named.get("content", "").strip())

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.title.append(data)

    def _meta(self, name: str, content: str) -> None:
        if name == "og:site_name":
            self.site = self.site or content
        elif name in _DATES and content:
            self.dates.setdefault(name, content)


def language_of(tag: object) -> str | None:
    """The primary subtag of a language tag (RFC 5646), None where it is none."""
    primary = str(tag or "").strip().partition("-")[0].lower()
    return primary if 2 <= len(primary) <= 3 and primary.isascii() and primary.isalpha() else None


def moment_of(text: str | None) -> str | None:
    """A moment as items give it (RFC 3339, in UTC), None where `text` is none. Without a zone it is taken for UTC."""
    try:
        found = datetime.fromisoformat((text or "").strip())
        moment = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
