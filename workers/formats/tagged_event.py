"""Tagged events: built from an item and its analysis, encoded, and given CloudEvents headers. Pure.

Headers follow the CloudEvents Kafka protocol binding 1.0.2, binary content mode. The `shirase-…` headers allow
filtering without parsing; one that would be empty is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from workers.formats.ids import event_id
from workers.formats.raw_item import Decoded
from workers.formats.text_signature import item_signature
from workers.model import Analysis, ItemRef, Lookup, Provenance, TaggedEvent
from workers.model.records import Headers

__all__ = ["DEAD_LETTER_TYPE", "TAGGED_TYPE", "EventBuilder", "HeaderBuilder", "encode_event"]

TAGGED_TYPE = b"org.shirase.tagged.v1"
DEAD_LETTER_TYPE = b"org.shirase.dead-letter.v1"
encode_event = msgspec.json.Encoder().encode


class EventBuilder:
    """Builds events that all carry the same provenance but for the time."""

    def __init__(self, *, worker: str, rules: str, knowledge: str) -> None:
        self._worker = worker
        self._rules = rules
        self._knowledge = knowledge

    def provenance(self, processed_at: str) -> Provenance:
        """The provenance of all events made at `processed_at` (RFC 3339, UTC)."""
        return Provenance(worker=self._worker, rules=self._rules, knowledge=self._knowledge, processed_at=processed_at)

    @staticmethod
    def build(
        decoded: Decoded,
        analysis: Analysis,
        lookups: Sequence[Lookup],
        routes: Sequence[str],
        provenance: Provenance,
    ) -> TaggedEvent:
        """The event of one item."""
        return TaggedEvent(
            id=event_id(decoded.item_id, decoded.content_sha256),
            item=_reference(decoded, analysis),
            analysed=analysis.analysed,
            attackers=analysis.attackers,
            targets=analysis.targets,
            mentions=analysis.mentions,
            malware=analysis.malware,
            techniques=analysis.techniques,
            vulnerabilities=analysis.vulnerabilities,
            indicators=analysis.indicators,
            lookups=list(lookups),
            routes=list(routes),
            summary=analysis.summary,
            provenance=provenance,
        )


def _reference(decoded: Decoded, analysis: Analysis) -> ItemRef:
    item = decoded.item
    is_incident = bool(analysis.attackers or analysis.targets.countries)
    return ItemRef(
        id=decoded.item_id,
        content_sha256=decoded.content_sha256,
        title=item.title,
        url=item.url,
        language=item.language or analysis.language,
        published_at=item.published_at,
        source=item.source,
        tlp=decoded.tlp,
        text_signature=item_signature(item) if is_incident else None,
    )


class HeaderBuilder:
    """Makes the headers of events; what all events share is encoded once."""

    def __init__(self, source: str) -> None:
        self._fixed: Headers = (
            ("ce_specversion", b"1.0"),
            ("ce_type", TAGGED_TYPE),
            ("ce_source", source.encode()),
            ("content-type", b"application/json"),
        )

    def build(self, event: TaggedEvent, origin: Headers) -> Headers:
        """The headers of `event`; `traceparent` is carried on from `origin`, the raw record's headers."""
        own: list[tuple[str, bytes]] = [
            ("ce_id", event.id.encode()),
            ("ce_time", event.provenance.processed_at.encode()),
            ("ce_subject", event.item.id.encode("utf-8", "replace")),
        ]
        countries = ",".join(dict.fromkeys(a.country for a in event.attackers if a.country))
        if countries:
            own.append(("shirase-attackers", countries.encode()))
        if event.targets.sectors:
            own.append(("shirase-sectors", ",".join(s.id for s in event.targets.sectors).encode()))
        if event.item.tlp is not None:
            own.append(("shirase-tlp", event.item.tlp.encode()))
        if origin:
            own += [header for header in origin if header[0] == "traceparent"]
        return (*self._fixed, *own)
