"""Tagged events and alert rules for tests of the alerter, made with few words."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workers.alerter.digest import Digest, digest
from workers.alerter.rules import AlertRules, build_rules
from workers.formats.text_signature import text_signature
from workers.model import (
    ActorMatch,
    Attacker,
    ItemRef,
    Malware,
    Mentions,
    Organisation,
    Provenance,
    Sector,
    Source,
    Summary,
    TaggedEvent,
    TargetCountry,
    Targets,
    Tlp,
    Vulnerability,
)
from workers.settings.alerts import AlertSettings, load_alert_settings

__all__ = ["HOUR", "NOW", "SETTINGS", "attacker", "lead", "report", "rules", "text"]

HOUR = 3600.0
NOW = 1_700_000_000.0
SETTINGS: AlertSettings = load_alert_settings(Path(__file__).resolve().parents[2] / "config")


def rules(**sections: dict[str, Any]) -> AlertRules:
    """The shipped rules, with members of some sections changed; no surges unless asked for."""
    changed = {name: replace(getattr(SETTINGS, name), **members) for name, members in sections.items()}
    return build_rules(replace(SETTINGS, **{"surge": replace(SETTINGS.surge, enabled=False), **changed}))


def text(number: int, words: int = 60) -> str:
    """A text of its own for each number."""
    return " ".join(f"word{number}x{at}" for at in range(words))


def attacker(country: str | None = "CN", *actors: str, stance: str = "asserted", score: float = 0.9) -> Attacker:
    found = [ActorMatch(name=name, alias=name, id=f"id-{name}", score=score) for name in actors]
    return Attacker(country=country, rank="primary", kind="state", score=score, stance=stance, actors=found)  # type: ignore[arg-type]


def report(
    number: int,
    at: float = NOW,
    *,
    attackers: Sequence[Attacker] = (attacker(),),
    targets: str = "",
    sectors: str = "",
    organisations: str = "",
    malware: str = "",
    cves: str = "",
    body: str | None = None,
    source: str | None = None,
    url: str | None = None,
    language: str = "en",
    published: float | None = None,
    tlp: Tlp | None = Tlp.CLEAR,
) -> TaggedEvent:
    """An event; lists of names are words between spaces. Each number has a text, a source and an address of its own."""
    signature = text_signature(text(number) if body is None else body)
    return TaggedEvent(
        id=f"event-{number}",
        item=ItemRef(
            id=f"item-{number}",
            content_sha256="0" * 64,
            title=f"Title {number}",
            url=url or f"https://outlet{number}.example/news/{number}",
            language=language,
            published_at=None if published is None else _moment(published),
            source=Source(name=source or f"Outlet {number}"),
            tlp=tlp,
            text_signature=base64.b64encode(signature).decode() or None,
        ),
        analysed=[],
        attackers=list(attackers),
        targets=Targets(
            countries=[TargetCountry(code=code, score=0.9) for code in targets.split()],
            sectors=[Sector(id=name, score=0.9) for name in sectors.split()],
            organisations=[Organisation(name=name) for name in organisations.split()],
        ),
        mentions=Mentions(),
        malware=[Malware(name=name, kind="malware") for name in malware.split()],
        techniques=[],
        vulnerabilities=[Vulnerability(id=name) for name in cves.split()],
        indicators=[],
        lookups=[],
        routes=["cn"],
        summary=Summary(),
        provenance=Provenance(worker="t", rules="r", knowledge="k", processed_at=_moment(at)),
    )


def lead(event: TaggedEvent, chosen: AlertRules) -> Digest:
    """The digest in whose shard the event's alerts are raised."""
    return next(part for part in digest(event, chosen) if part.purpose == "lead")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
