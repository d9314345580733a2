"""Gathers what is said of each country and actor over all sentences of an item. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from workers.classify.roles import Reading
from workers.classify.scanner import Token
from workers.classify.text import FieldText
from workers.knowledge import ActorKind
from workers.model import Evidence

__all__ = ["Mention", "decide", "evidence_of", "quote"]

_QUOTE_LONGEST = 240
_ORDER = {"denied": 0, "attacker": 1, "target": 2, "accuser": 3, "bystander": 4}


class Mention(Struct, gc=False):
    """A token and the role that its sentence gives it; `role` is empty where no rule spoke."""

    token: Token
    text: FieldText
    sentence: int
    role: str = ""
    strength: float = 0.0
    rule: str = ""
    start: int = 0
    end: int = 0
    hedged: bool = False
    kind: ActorKind = "unknown"
    against: list[Reading] = field(default_factory=list)


def decide(mention: Mention, readings: Iterable[Reading]) -> None:
    """Gives the mention the role of its strongest reading; a denial of an attack wins over the attack."""
    best: dict[str, Reading] = {}
    for reading in readings:
        held = best.get(reading.role)
        if held is None or reading.strength > held.strength:
            best[reading.role] = reading
    if not best:
        return
    chosen = min(best.values(), key=lambda reading: (-reading.strength, _ORDER[reading.role]))
    if chosen.role == "denied" and "attacker" not in best and chosen.strength < 0.9:
        others = [reading for reading in best.values() if reading.role != "denied"]
        if not others:
            return
        chosen = min(others, key=lambda reading: (-reading.strength, _ORDER[reading.role]))
    mention.role, mention.strength, mention.rule = chosen.role, chosen.strength, chosen.rule
    mention.start, mention.end, mention.hedged = chosen.start, chosen.end, chosen.hedged
    mention.kind = chosen.kind
    mention.against = [reading for reading in best.values() if reading is not chosen]


def quote(text: FieldText, start: int, end: int, rule: str) -> Evidence:
    """Evidence over a stretch of the field as given, cut to a readable length."""
    end = min(end, start + _QUOTE_LONGEST, len(text.original))
    return Evidence(field=text.name, start=start, end=end, quote=text.original[start:end], rule=rule)


def evidence_of(mention: Mention) -> Evidence:
    """The stretch that the deciding rule read, else the name itself."""
    start = min(mention.start, mention.token.start) if mention.rule and mention.end else mention.token.start
    end = max(mention.end, mention.token.end)
    if end - start > _QUOTE_LONGEST:
        start, end = mention.token.start, mention.token.end
    return quote(mention.text, start, end, mention.rule or "mention")
