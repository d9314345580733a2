"""Deterministic ids: the same item gives the same event id, on any worker, at any time. Pure.

UUID version 5 as RFC 9562 section 5.5 lays it down (SHA-1 over namespace and name), written out here because
`uuid.uuid5` costs five times as much and this runs once or twice a record.
"""

from __future__ import annotations

import hashlib
import uuid

from workers.model import RawItem

__all__ = ["EVENT_NAMESPACE", "ITEM_NAMESPACE", "STIX_NAMESPACE", "content_digest", "event_id", "fast_uuid5", "item_id"]

ITEM_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:shirase:item").bytes
EVENT_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:shirase:event").bytes
STIX_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:shirase:stix").bytes


def fast_uuid5(namespace: bytes, name: str) -> str:
    """The text form of the version 5 UUID of `name` in `namespace` (16 bytes)."""
    digest = hashlib.sha1(namespace + name.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
    raw = bytearray(digest[:16])
    raw[6] = raw[6] & 0x0F | 0x50
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def content_digest(item: RawItem) -> str:
    """SHA-256 in hex over title, summary and body, each ended by a NUL, absent ones empty."""
    text = f"{item.title or ''}\0{item.summary or ''}\0{item.body or ''}\0"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def item_id(item: RawItem, digest: str) -> str:
    """The item's own id, else a UUID of its URL, else of its text."""
    return item.id or fast_uuid5(ITEM_NAMESPACE, item.url or digest)


def event_id(item: str, digest: str) -> str:
    """The event's id: a UUID of item id and content."""
    return fast_uuid5(EVENT_NAMESPACE, f"{item}\n{digest}")
