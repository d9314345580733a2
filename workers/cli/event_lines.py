"""A tagged event for a person: one row of who attacks whom, and the words that say so. Pure, but for `printable`'s care.

Lines are safe to print on a terminal whatever the item said.
"""

from __future__ import annotations

from collections.abc import Iterable

from workers.cli.output import printable
from workers.model import Attacker, Evidence, TaggedEvent

__all__ = ["COLUMNS", "event_row", "plain_line"]

COLUMNS = ("attacker", "target", "sector", "score", "title", "evidence")
_NONE = "-"
_WIDEST_QUOTE = 90
_WIDEST_TITLE = 70


def event_row(event: TaggedEvent) -> dict[str, str]:
    """The event under `COLUMNS`: its attackers by rank, targets, sectors, the first attacker's score and evidence."""
    attackers = sorted(event.attackers, key=lambda one: (one.rank != "primary", -one.score))
    return {
        "attacker": _joined(_attacker(one) for one in attackers),
        "target": _joined(target.code for target in event.targets.countries),
        "sector": _joined(sector.id for sector in event.targets.sectors),
        "score": f"{attackers[0].score:.2f}" if attackers else _NONE,
        "title": _shortened(_title(event), _WIDEST_TITLE),
        "evidence": _quote(_evidence(attackers)),
    }


def plain_line(event: TaggedEvent) -> str:
    """The same on one line: `CN (APT10) -> JP  defense  0.93  title  «quote»`."""
    row = event_row(event)
    return f"{row['attacker']} -> {row['target']}  {row['sector']}  {row['score']}  {row['title']}  {row['evidence']}"


def _title(event: TaggedEvent) -> str:
    return event.item.title or event.summary.title or next(iter(event.summary.activity), event.item.id)


def _attacker(one: Attacker) -> str:
    names = ", ".join(actor.name for actor in one.actors[:2])
    country = one.country or "?"
    hedge = "?" if one.stance == "suspected" and one.country else ""
    return printable(f"{country}{hedge} ({names})" if names else f"{country}{hedge}")


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(parts)) or _NONE


def _evidence(attackers: list[Attacker]) -> list[Evidence]:
    for one in attackers:
        named = [evidence for actor in one.actors for evidence in actor.evidence]
        if one.evidence or named:
            return one.evidence or named
    return []


def _quote(evidence: list[Evidence]) -> str:
    return f"«{_shortened(evidence[0].quote, _WIDEST_QUOTE)}»" if evidence else _NONE


def _shortened(text: str, width: int) -> str:
    text = " ".join(printable(text).split())
    return text if len(text) <= width else f"{text[: width - 1]}…"
