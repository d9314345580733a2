"""The tagged event: an analysis with its item, lookups, routes and provenance. Types only, no I/O."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

from workers.model.analysis import (
    Attacker,
    Indicator,
    Malware,
    Mentions,
    Summary,
    Targets,
    Technique,
    Vulnerability,
)
from workers.model.item import Source, Tlp

__all__ = [
    "Enrichment",
    "ItemRef",
    "Lookup",
    "LookupStatus",
    "Provenance",
    "TaggedEvent",
]


class LookupStatus(StrEnum):
    """The five answers of a lookup: absence, staleness, failure and refusal to ask are different things."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    STALE = "stale"
    UNAVAILABLE = "unavailable"
    WITHHELD = "withheld"


class Lookup(Struct, frozen=True, kw_only=True):
    """One question and its answer. `value` is null unless the status is `found` or `stale`."""

    kind: str
    key: str
    status: LookupStatus
    source: str | None = None
    fetched_at: str | None = None
    value: dict[str, Any] | None = None


class Enrichment(Struct, frozen=True, kw_only=True):
    """Lookups that were answered after their event went out. `event_id` is the id of that event."""

    schema: Literal["shirase.enrichment/1"] = "shirase.enrichment/1"
    event_id: str
    item_id: str
    lookups: list[Lookup]


class ItemRef(Struct, frozen=True, kw_only=True):
    """What the event repeats of the item it was read from.

    `text_signature` lets copies be told without the text (Base64; see
    `workers.formats.text_signature`). It stands where an attacker or a target country was found and the text is long enough.
    """

    id: str
    content_sha256: str
    title: str | None = None
    url: str | None = None
    language: str | None = None
    published_at: str | None = None
    source: Source | None = None
    tlp: Tlp | None = None
    text_signature: str | None = None


class Provenance(Struct, frozen=True, kw_only=True):
    """Which code, rules and knowledge made the event, and when."""

    worker: str
    rules: str
    knowledge: str
    processed_at: str


class TaggedEvent(Struct, frozen=True, kw_only=True):
    """What the worker publishes: who attacks whom, in which sector, to what end, and how sure."""

    schema: Literal["shirase.tagged/1"] = "shirase.tagged/1"
    id: str
    item: ItemRef
    analysed: list[str]
    attackers: list[Attacker]
    targets: Targets
    mentions: Mentions
    malware: list[Malware]
    techniques: list[Technique]
    vulnerabilities: list[Vulnerability]
    indicators: list[Indicator]
    lookups: list[Lookup]
    routes: list[str]
    summary: Summary
    provenance: Provenance
