"""Alerts for tests."""

from __future__ import annotations

from typing import Any

from workers.formats.alert import AlertHeaders, encode_alert
from workers.model import ActorMatch, Attacker, ItemRef, Partition, Record, Source, TargetCountry, Targets, Tlp
from workers.model.alert import Alert, StoryRef

__all__ = ["alert_of", "alert_record_of"]


def alert_of(**parts: Any) -> Alert:
    """An alert about a Chinese group in Japan, with `parts` put in."""
    actor = ActorMatch(id="a", name="MirrorFace", alias="MirrorFace", score=0.9, evidence=[])
    whole: dict[str, Any] = {
        "id": "6f9b1f5e-0000-5000-8000-000000000001",
        "reason": "new-story",
        "severity": "high",
        "watch": "cn",
        "raised_at": "2026-11-25T10:00:00Z",
        "story": StoryRef(id="story-1", first_seen="2026-11-25T09:00:00Z", items=2, sources=2, title="Grid <plans> *stolen*"),
        "attackers": [
            Attacker(
                country="CN", rank="primary", kind="state", score=0.9, stance="asserted", actors=[actor], objectives=[],
                evidence=[],
            )
        ],
        "targets": Targets(countries=[TargetCountry(code="JP", score=0.9, evidence=[])]),
        "item": ItemRef(
            id="item-1", content_sha256="ab", title="Grid plans", url="https://x.example/1", source=Source(name="X & Co")
        ),
        "event_id": "event-1",
        "routes": ["cn"],
        "tlp": Tlp.CLEAR,
    }  # fmt: skip
    return Alert(**(whole | parts))


def alert_record_of(alert: Alert | bytes, *headers: tuple[str, bytes], at_ms: int = 1_000, offset: int = 0) -> Record:
    """The record that carries `alert`; or these bytes, which are none."""
    if isinstance(alert, bytes):
        return Record(
            partition=Partition("alerts", 0), offset=offset, timestamp_ms=at_ms, key=b"k", value=alert, headers=headers
        )
    return Record(
        partition=Partition("alerts", 0),
        offset=offset,
        timestamp_ms=at_ms,
        key=alert.story.id.encode(),
        value=encode_alert(alert),
        headers=(*AlertHeaders("urn:test").build(alert), *headers),
    )
