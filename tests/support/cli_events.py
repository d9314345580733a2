"""Events for the tests of what people see."""

from __future__ import annotations

from workers.model import (
    ActorMatch,
    Attacker,
    Evidence,
    ItemRef,
    Mentions,
    Provenance,
    Sector,
    Summary,
    TaggedEvent,
    TargetCountry,
    Targets,
)


def evidence(quote: str) -> Evidence:
    return Evidence(field="body", start=0, end=len(quote), quote=quote, rule="r")


def attacker(country: str | None, score: float = 0.9, *names: str, rank: str = "primary") -> Attacker:
    return Attacker(
        country=country,
        rank="primary" if rank == "primary" else "secondary",
        kind="state",
        score=score,
        stance="asserted",
        actors=[ActorMatch(name=name, alias=name, score=score, evidence=[evidence(name)]) for name in names],
        evidence=[evidence(f"blames {country}")],
    )


def event(
    *attackers: Attacker, targets: tuple[str, ...] = (), sectors: tuple[str, ...] = (), title: str | None = "A title"
) -> TaggedEvent:
    return TaggedEvent(
        id="e-1",
        item=ItemRef(id="i-1", content_sha256="0", title=title),
        analysed=[],
        attackers=list(attackers),
        targets=Targets(
            countries=[TargetCountry(code=code, score=0.8) for code in targets],
            sectors=[Sector(id=name, score=0.8) for name in sectors],
        ),
        mentions=Mentions(),
        malware=[],
        techniques=[],
        vulnerabilities=[],
        indicators=[],
        lookups=[],
        routes=[],
        summary=Summary(),
        provenance=Provenance(worker="1", rules="r", knowledge="k", processed_at="2026-05-01T00:00:00Z"),
    )
