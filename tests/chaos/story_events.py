"""Tagged events that tell known stories, each outlet in words of its own."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta

from tests.support.tagged_events import event_of
from workers.model import (
    ActorMatch,
    Attacker,
    ItemRef,
    Malware,
    Provenance,
    Source,
    TaggedEvent,
    TargetCountry,
    Targets,
    Tlp,
    Vulnerability,
)

__all__ = ["story_event"]

START = datetime(2026, 11, 1, tzinfo=UTC)
_WORDS = ("amber", "basalt", "cobalt", "dune", "ember", "fjord", "garnet", "harbour", "iris", "jade", "krill", "lava")


def story_event(number: int, outlet: int, second: int, *, country: str = "CN") -> TaggedEvent:
    """What outlet `outlet` says of story `number`: same actor, malware and CVE, words of its own."""
    chance = random.Random(f"{number}-{outlet}")
    words = " ".join(chance.choices(_WORDS, k=14))
    when = (START + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")
    actor = ActorMatch(id=f"actor-{number}", name=f"Actor {number}", alias=f"Actor {number}", score=0.95, evidence=[])
    return event_of(
        id=str(uuid.UUID(int=number * 100 + outlet + 1)),
        item=ItemRef(
            id=f"item-{number}-{outlet}",
            content_sha256=f"{number:032x}{outlet:032x}",
            title=f"{words} {number}",
            url=f"https://outlet{outlet}.example/{number}",
            source=Source(name=f"Outlet {outlet}"),
            published_at=when,
            tlp=Tlp.CLEAR,
        ),
        attackers=[
            Attacker(
                country=country, rank="primary", kind="state", score=0.95, stance="asserted", actors=[actor],
                objectives=[], evidence=[],
            )
        ],
        targets=Targets(countries=[TargetCountry(code=("JP", "US", "DE")[number % 3], score=0.9, evidence=[])]),
        malware=[Malware(id=f"malware-{number}", name=f"Malware {number}", kind="malware", evidence=[])],
        vulnerabilities=[Vulnerability(id=f"CVE-2026-{100000 + number}", evidence=[])],
        provenance=Provenance(worker="1", rules="r", knowledge="k", processed_at=when),
    )  # fmt: skip
