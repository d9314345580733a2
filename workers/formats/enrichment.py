"""Late lookups as records: keyed by item, with CloudEvents headers (Kafka binding 1.0.2, binary mode). Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from workers.formats.ids import EVENT_NAMESPACE, event_id, fast_uuid5
from workers.model import Enrichment, Lookup, OutgoingRecord, Tlp

__all__ = ["ENRICHMENT_TYPE", "EnrichmentBuilder"]

ENRICHMENT_TYPE = b"org.shirase.enrichment.v1"
_encode = msgspec.json.Encoder().encode


class EnrichmentBuilder:
    """Makes the records for one topic."""

    def __init__(self, topic: str, source: str) -> None:
        self._topic = topic
        self._source = source.encode()

    def build(self, item_id: str, content_sha256: str, tlp: Tlp | None, lookups: Sequence[Lookup]) -> OutgoingRecord:
        """The record that brings `lookups` of the item's event late, under its marking. The same give the same `ce_id`."""
        event = event_id(item_id, content_sha256)
        value = _encode(Enrichment(event_id=event, item_id=item_id, lookups=list(lookups)))
        return OutgoingRecord(
            topic=self._topic,
            key=item_id.encode("utf-8", "surrogatepass"),
            value=value,
            headers=(
                ("ce_specversion", b"1.0"),
                ("ce_type", ENRICHMENT_TYPE),
                ("ce_source", self._source),
                ("ce_id", fast_uuid5(EVENT_NAMESPACE, value.decode("utf-8", "surrogatepass")).encode()),
                ("ce_subject", item_id.encode("utf-8", "replace")),
                ("content-type", b"application/json"),
                *(() if tlp is None else (("shirase-tlp", tlp.encode()),)),
            ),
        )
