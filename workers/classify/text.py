"""The text of one field as the rules read it. Pure. Every form has the same length as the field: offsets are the field's own."""

from __future__ import annotations

from functools import lru_cache
from html import unescape

import re2
from msgspec import Struct

from workers.knowledge.spelling import fold
from workers.model import FieldName, RawItem

__all__ = ["FieldText", "detect_language", "fields_of", "has_kana"]

_BLOCKS = frozenset(
    (
        "p",
        "div",
        "br",
        "li",
        "ul",
        "ol",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "td",
        "tr",
        "table",
        "section",
        "article",
        "blockquote",
        "title",
        "hr",
    )
)
_SILENT = ("script", "style")
_ENTITY = re2.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_MARKDOWN = str.maketrans({"*": " ", "`": " ", "#": " ", "|": " ", ">": " ", "[": " ", "]": " "})
_FULLWIDTH = str.maketrans({chr(0xFF01 + offset): chr(0x21 + offset) for offset in range(94)} | {"\u3000": " "})
# Most English texts hold no other signs outside ASCII than these, and every later step is twice as fast without them.
_TYPOGRAPHY = (
    *((sign, "'") for sign in "\u2018\u2019"),
    *((sign, '"') for sign in "\u201c\u201d"),
    *((sign, "-") for sign in "\u2010\u2011\u2013"),
    ("\u00a0", " "),
)
_TAG_LONGEST = 4096
_ENTITY_LONGEST = 33
_SAMPLE = 600
_KANA_BYTES = (b"\xe3\x81", b"\xe3\x82", b"\xe3\x83")  # U+3040 to U+30FF begin with these, and nothing else does
_NO_ASCII_LETTERS = bytes(sorted(set(range(256)) - set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")))
_KANA_SHARE = 0.05
_ENGLISH = frozenset(
    (
        "the",
        "of",
        "and",
        "to",
        "in",
        "a",
        "is",
        "for",
        "was",
        "by",
        "on",
        "that",
        "with",
        "has",
        "are",
        "from",
        "an",
        "have",
        "at",
        "after",
        "been",
        "as",
        "its",
    )
)
_ENGLISH_SHARE = 0.08
_SHORT_TEXT_WORDS = 14


class FieldText(Struct, frozen=True):
    """A field: `plain` without markup, `folded` in small letters; both as long as the field itself."""

    name: FieldName
    original: str
    plain: str
    folded: str


def fields_of(item: RawItem) -> list[FieldText]:
    """The fields of an item that hold text, title first."""
    out: list[FieldText] = []
    named: tuple[tuple[FieldName, str | None], ...] = (
        ("title", item.title),
        ("summary", item.summary),
        ("body", item.body),
    )
    for name, value in named:
        if value:
            plain = _plain(value, "text/plain" if name == "title" else item.content_type)
            out.append(FieldText(name, value, plain, fold(plain)))
    return out


def _plain(text: str, content_type: str) -> str:
    if not text.isascii():
        text = _normal_width(text)
    if content_type == "text/html":
        return _without_tags(text)
    if content_type == "text/markdown":
        return text.translate(_MARKDOWN)
    return text


def _normal_width(text: str) -> str:
    """Full-width letters as plain ones, lone surrogates replaced; the length stays."""
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError:
        text = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
        raw = text.encode("utf-8")
    # Full-width forms begin with these two bytes; translating every text costs ten times the look.
    if b"\xef\xbc" in raw or b"\xef\xbd" in raw or b"\xe3\x80\x80" in raw:
        text = text.translate(_FULLWIDTH)
    if b"\xe2\x80" in raw or b"\xc2\xa0" in raw:
        for fancy, plain in _TYPOGRAPHY:
            if fancy in text:
                text = text.replace(fancy, plain)
    return text


def _without_tags(text: str) -> str:
    parts: list[str] = []
    endless: set[str] = set()
    position = 0
    while (opening := text.find("<", position)) >= 0:
        closing = text.find(">", opening, opening + _TAG_LONGEST)
        if closing < 0:
            parts.append(text[position : opening + 1])
            position = opening + 1
            continue
        parts.append(text[position:opening])
        closing = _end_of_silent(text, opening, closing, endless)
        parts.append(_blank(text[opening : closing + 1]))
        position = closing + 1
    parts.append(text[position:])
    joined = "".join(parts)
    return _without_entities(joined) if "&" in joined else joined


def _end_of_silent(text: str, opening: int, closing: int, endless: set[str]) -> int:
    """Where a tag with its content ends that is not read. `endless`: the tags that nothing closes from here on, looked for once."""
    head = text[opening + 1 : opening + 7].lower()
    for tag in _SILENT:
        if head.startswith(tag) and tag not in endless:
            end = text.find("</" + tag, closing)
            stop = text.find(">", end) if end >= 0 else -1
            if stop >= 0:
                return stop
            endless.add(tag)
    return closing


def _blank(tag: str) -> str:
    name = tag[1:12].lstrip("/").split(" ", 1)[0].rstrip("/>").lower()
    return ("\n" if name in _BLOCKS else " ") + " " * (len(tag) - 1)


def _without_entities(text: str) -> str:
    parts: list[str] = []
    position = start = 0
    while (start := text.find("&", start)) >= 0:
        end = text.find(";", start, start + _ENTITY_LONGEST) + 1
        char = _character(text[start:end]) if end else None
        if char is None:
            start += 1
            continue
        parts += (text[position:start], char, " " * (end - start - len(char)))
        position = start = end
    parts.append(text[position:])
    return "".join(parts)


@lru_cache(maxsize=512)
def _character(entity: str) -> str | None:
    """The first character that an entity stands for, empty where it stands for none; None where it is no entity."""
    return unescape(entity)[:1] if _ENTITY.fullmatch(entity) else None


def detect_language(given: str | None, fields: list[FieldText]) -> str:
    """`en`, `ja` or another tag: as given, else from kana and from common English words."""
    if given:
        return given.split("-", 1)[0].split("_", 1)[0].strip().lower() or _detected(fields)
    return _detected(fields)


def _detected(fields: list[FieldText]) -> str:
    sample = " ".join(field.folded[:_SAMPLE] for field in fields)
    if not sample.isascii():
        language = _by_script(sample)
        if language:
            return language
    words = sample.split()
    common = sum(1 for word in words if word in _ENGLISH)
    if len(words) <= _SHORT_TEXT_WORDS:
        return "en"
    return "en" if common >= _ENGLISH_SHARE * len(words) else "und"


def has_kana(text: str) -> bool:
    """Whether a sign of hiragana or katakana is in the text."""
    if text.isascii():
        return False
    raw = text.encode("utf-8", "replace")
    return any(lead in raw for lead in _KANA_BYTES)


def _by_script(sample: str) -> str:
    """`ja` where kana are common enough, `und` where most letters are not of ASCII, else empty. Counts bytes: signs cost ten times as much."""
    raw = sample.encode("utf-8", "replace")
    kana = sum(map(raw.count, _KANA_BYTES))
    if kana > _KANA_SHARE * len(sample):
        return "ja"
    plain = len(raw.translate(None, _NO_ASCII_LETTERS))
    foreign = len(sample) - len(sample.encode("ascii", "ignore"))
    if kana * (1 / _KANA_SHARE) <= plain and foreign <= plain:
        return ""  # whatever the other signs are
    letters = sum(map(str.isalpha, sample))
    if kana > _KANA_SHARE * max(letters, 1):
        return "ja"
    return "und" if letters and plain < letters / 2 else ""
