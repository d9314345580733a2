"""Raw items: bytes to `RawItem`, with every refusal named. Pure.

Refusals are ItemErrors with these codes: `tombstone`, `empty`, `too-large`, `not-utf8`, `not-json`, `too-deep`,
`not-an-object`, `wrong-type`, `unknown-tlp`, `no-text`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from jsonpointer import JsonPointer
from msgspec import Struct

from workers.errors import ItemError
from workers.formats.ids import content_digest, item_id
from workers.model import RawItem, Tlp
from workers.settings import FieldMapSettings

__all__ = ["Decoded", "ItemDecoder", "parse_tlp"]

_KNOWN = frozenset(RawItem.__struct_fields__)
_BOM = b"\xef\xbb\xbf"
_ITEM = msgspec.json.Decoder(RawItem)
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY = msgspec.json.Decoder()
_TLP_NAMES = {str(level): level for level in Tlp} | {"WHITE": Tlp.CLEAR}
Members: TypeAlias = Callable[[bytes], tuple[RawItem, int]]


class Decoded(Struct, frozen=True, kw_only=True):
    """An item with what follows from its bytes alone. `unknown_members` counts what the contract does not name."""

    item: RawItem
    item_id: str
    content_sha256: str
    tlp: Tlp | None
    unknown_members: int


class ItemDecoder:
    """Decodes records of any topic; topics with a field map are read through it."""

    def __init__(self, max_bytes: int, feeds: Sequence[FieldMapSettings] = ()) -> None:
        self._max_bytes = max_bytes
        self._mapped: Mapping[str, Members] = {feed.topic: _mapped_reader(feed) for feed in feeds}

    def decode(self, topic: str, value: bytes | None) -> Decoded:
        """The item in `value`.

        Raises ItemError with one of the module's codes.
        """
        body = self._checked_bytes(value)
        read = self._mapped.get(topic, _read_plain)
        try:
            item, unknown = read(body)
        except RecursionError as error:
            raise ItemError("too-deep", "JSON nested too deep to read") from error
        except msgspec.ValidationError as error:
            raise _refused_shape(error) from error
        except (msgspec.DecodeError, ValueError) as error:
            raise ItemError("not-json", _first_line(error)) from error
        return _decoded(item, unknown)

    def _checked_bytes(self, value: bytes | None) -> bytes:
        if value is None:
            raise ItemError("tombstone", "a record without a value")
        if len(value) > self._max_bytes:
            raise ItemError("too-large", f"{len(value)} bytes, at most {self._max_bytes} are taken")
        value = value.removeprefix(_BOM)
        if not value or value.isspace():
            raise ItemError("empty", "a record with an empty value")
        try:
            value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ItemError("not-utf8", f"byte {error.start}: {error.reason}") from error
        return value


def parse_tlp(text: str | None) -> Tlp | None:
    """The TLP level that `text` names (`TLP:` before it and case do not matter); None stays "not known".

    Raises ItemError `unknown-tlp`. Levels: FIRST, Traffic Light Protocol 2.0; WHITE is CLEAR's name in version 1.
    """
    if text is None:
        return None
    level = _TLP_NAMES.get(text)
    if level is None:
        level = _TLP_NAMES.get(text.strip().upper().removeprefix("TLP:").strip())
    if level is None:
        raise ItemError("unknown-tlp", f"$.tlp is {_short(text)}, expected one of {', '.join(_TLP_NAMES)}")
    return level


def _decoded(item: RawItem, unknown: int) -> Decoded:
    if not ((item.title and not item.title.isspace()) or (item.body and not item.body.isspace())) and not (
        item.summary and not item.summary.isspace()
    ):
        raise ItemError("no-text", "title, body and summary are all empty")
    digest = content_digest(item)
    return Decoded(
        item=item,
        item_id=item_id(item, digest),
        content_sha256=digest,
        tlp=parse_tlp(item.tlp),
        unknown_members=unknown,
    )


def _read_plain(body: bytes) -> tuple[RawItem, int]:
    item = _ITEM.decode(body)
    # A second, shallow pass: it only notes where each member's bytes stand.
    return item, len(_MEMBERS.decode(body).keys() - _KNOWN)


def _mapped_reader(feed: FieldMapSettings) -> Members:
    pointers = {member: JsonPointer(pointer) for member, pointer in feed.members.items()}

    def read(body: bytes) -> tuple[RawItem, int]:
        document = _ANY.decode(body)
        if not isinstance(document, dict):
            raise msgspec.ValidationError(f"Expected `object`, got `{type(document).__name__}`")
        shaped: dict[str, Any] = {}
        for member, constant in feed.constants.items():
            _put(shaped, member, constant)
        for member, pointer in pointers.items():
            _put(shaped, member, pointer.resolve(document, None))
        return msgspec.convert(shaped, RawItem, strict=False), 0

    return read


def _put(shaped: dict[str, Any], member: str, value: Any) -> None:
    if value is None:
        return
    head, _, tail = member.partition(".")
    if tail:
        shaped.setdefault(head, {})[tail] = value
    else:
        shaped[head] = value


def _refused_shape(error: msgspec.ValidationError) -> ItemError:
    text = str(error)
    if " - at `" not in text and text.startswith("Expected `object`"):
        return ItemError("not-an-object", text)
    found = re.search(r" - at `(.+)`$", text)
    path = found[1] if found else "$"
    return ItemError("wrong-type", f"{path}: {text.partition(' - at `')[0]}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
