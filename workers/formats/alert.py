"""Alerts as bytes, with CloudEvents headers (Kafka protocol binding 1.0.2, binary content mode). Pure."""

from __future__ import annotations

import msgspec

from workers.model.alert import Alert
from workers.model.records import Headers

__all__ = ["ALERT_TYPE", "AlertHeaders", "decode_alert", "encode_alert"]

ALERT_TYPE = b"org.shirase.alert.v1"
encode_alert = msgspec.json.Encoder().encode
decode_alert = msgspec.json.Decoder(Alert).decode


class AlertHeaders:
    """Makes the headers of alerts; what all alerts share is encoded once."""

    def __init__(self, source: str) -> None:
        self._fixed: Headers = (
            ("ce_specversion", b"1.0"),
            ("ce_type", ALERT_TYPE),
            ("ce_source", source.encode()),
            ("content-type", b"application/json"),
        )

    def build(self, alert: Alert) -> Headers:
        """The headers of `alert`; those that would be empty are left out."""
        own: list[tuple[str, bytes]] = [
            ("ce_id", alert.id.encode()),
            ("ce_time", alert.raised_at.encode()),
            ("ce_subject", alert.story.id.encode()),
            ("shirase-reason", alert.reason.encode()),
            ("shirase-severity", alert.severity.encode()),
        ]
        countries = ",".join(dict.fromkeys(a.country for a in alert.attackers if a.country))
        if countries:
            own.append(("shirase-attackers", countries.encode()))
        if alert.targets.sectors:
            own.append(("shirase-sectors", ",".join(s.id for s in alert.targets.sectors).encode()))
        if alert.tlp is not None:
            own.append(("shirase-tlp", alert.tlp.encode()))
        return (*self._fixed, *own)
