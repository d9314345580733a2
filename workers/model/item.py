"""The raw item: what a feed delivers. Types only, no I/O."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

__all__ = [
    "ContentType",
    "Observable",
    "RawItem",
    "Source",
    "Tlp",
]

ContentType: TypeAlias = Literal["text/plain", "text/html", "text/markdown"]


class Tlp(StrEnum):
    """Traffic Light Protocol 2.0 (FIRST, August 2022). Missing is not CLEAR: it is None, "not known"."""

    CLEAR = "CLEAR"
    GREEN = "GREEN"
    AMBER = "AMBER"
    AMBER_STRICT = "AMBER+STRICT"
    RED = "RED"


class Source(Struct, frozen=True, kw_only=True):
    """Who published the item. `reliability` is the Admiralty scale's letter, A (reliable) to F (cannot be judged)."""

    name: str | None = None
    url: str | None = None
    kind: str | None = None
    reliability: Literal["A", "B", "C", "D", "E", "F"] | None = None


class Observable(Struct, frozen=True, kw_only=True):
    """A fact seen by the feed, as the feed gave it: STIX type and value."""

    type: str
    value: str


class RawItem(Struct, frozen=True, kw_only=True):
    """One feed item as it arrives. At least one of title, summary and body is non-empty (checked after decoding)."""

    id: str | None = None
    title: str | None = None
    body: str | None = None
    summary: str | None = None
    content_type: ContentType = "text/plain"
    url: str | None = None
    language: str | None = None
    published_at: str | None = None
    source: Source | None = None
    tlp: Annotated[str, Meta(extra_json_schema={"enum": [*(str(t) for t in Tlp), "WHITE"]})] | None = None
    confidence: Annotated[int, Meta(ge=0, le=100)] | None = None
    observables: list[Observable] = []
