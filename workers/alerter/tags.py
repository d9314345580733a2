"""What two reports' tags say about whether they are of one event: what speaks for it, and what speaks against. Pure.

Names are compared by id where there is one, so that reports in different languages meet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from workers.alerter.digest import Digest

__all__ = ["AGAINST", "NO_TAGS", "Tags", "is_contradicted", "joined", "new_tags", "tags_of", "weigh", "whole_set"]

# What a shared tag of a kind weighs, and what it weighs when both reports have tags of the kind and share none.
# Measured on labelled incidents; see docs/decisions/0008-stories.md.
WEIGHTS = (
    ("vulnerabilities", 3.0, -1.0),
    ("organisations", 2.5, -1.0),
    ("malware", 1.5, -1.0),
    ("actors", 1.5, 0.0),
    ("targets", 1.0, 0.0),
    ("sectors", 0.5, -0.5),
)
# Added where reports in two languages have all the same tags.
_TRANSLATED = 1.25
AGAINST = float("-inf")
_SIGHTED_IN_PASSING = 5


class Tags(Struct, frozen=True, gc=False):
    """The tags by which reports are compared, as sets. Like all that is kept by the thousand here, unknown to the cycle collector."""

    attackers: frozenset[str] = frozenset()
    asserted: frozenset[str] = frozenset()
    actors: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()
    sectors: frozenset[str] = frozenset()
    organisations: frozenset[str] = frozenset()
    malware: frozenset[str] = frozenset()
    vulnerabilities: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()


NO_TAGS = Tags()


def tags_of(digest: Digest, minimum: float) -> Tags:
    """The tags of `digest` that are scored `minimum` or above."""
    sure = [attacker for attacker in digest.attackers if attacker.score >= minimum]
    return Tags(
        frozenset(a.country for a in sure if a.country),
        frozenset(a.country for a in sure if a.country and a.stance == "asserted"),
        frozenset(actor.id or actor.name.casefold() for a in sure for actor in a.actors),
        frozenset(t.code for t in digest.targets.countries if t.score >= minimum),
        frozenset(s.id for s in digest.targets.sectors if s.score >= minimum),
        frozenset(o.name.casefold() for o in digest.targets.organisations),
        frozenset(digest.malware),
        frozenset(digest.vulnerabilities),
        frozenset((digest.item.language or "").partition("-")[0].casefold().split()),
    )


def joined(one: Tags, other: Tags) -> Tags:
    """The tags of either."""
    return Tags(*(getattr(one, kind) | getattr(other, kind) for kind in Tags.__struct_fields__))


def is_contradicted(one: Tags, other: Tags) -> bool:
    """Whether the two name different attackers, actors or targets."""
    return (
        _differ(one.attackers, other.attackers)
        or _differ(one.actors, other.actors)
        or _differ(one.targets, other.targets)
    )


def _differ(mine: frozenset[str], theirs: frozenset[str]) -> bool:
    return bool(mine) and bool(theirs) and mine.isdisjoint(theirs)


def weigh(one: Tags, other: Tags, rarity: Callable[[str, str], float]) -> float:
    """What speaks for one event, less what speaks against; `AGAINST` where attackers, actors or targets differ.

    `rarity` says of a kind and a value how telling it is, from 0 (in every story) to 1.
    """
    if is_contradicted(one, other):
        return AGAINST
    total = _TRANSLATED if _is_translation(one, other) else 0.0
    for kind, shared, apart in WEIGHTS:
        mine, theirs = getattr(one, kind), getattr(other, kind)
        if not mine or not theirs:
            continue
        both = mine & theirs
        if not both:
            total += apart
        elif mine == theirs or min(len(mine), len(theirs)) <= _SIGHTED_IN_PASSING:
            # The same set says more than a shared part of it.
            alike = (1 + len(both) / len(mine | theirs)) / 2
            total += shared * alike * max([rarity(kind, value) for value in both])
    return total


def whole_set(tags: Tags) -> str | None:
    """Attackers, actors, targets and sectors as one word; None where there is no target, or nothing but targets."""
    if not tags.targets or not (tags.sectors or tags.actors or tags.malware):
        return None
    parts = (tags.attackers, tags.actors, tags.targets, tags.sectors)
    return "|".join(",".join(sorted(part)) for part in parts)


def _is_translation(one: Tags, other: Tags) -> bool:
    """Whether reports in two languages have all the same tags: in one language, reports of one event also share words."""
    if not one.languages or not other.languages or not one.languages.isdisjoint(other.languages):
        return False
    return whole_set(one) is not None and whole_set(one) == whole_set(other)


def new_tags(known: Tags, now: Tags) -> list[str]:
    """What `now` adds, as `kind:value`: attacker and target countries, sectors, actors, and who is now asserted."""
    found = [f"attacker:{country}" for country in sorted(now.attackers - known.attackers)]
    found += [f"asserted:{c}" for c in sorted(now.asserted - known.asserted) if c in known.attackers]
    found += [f"actor:{actor}" for actor in sorted(now.actors - known.actors)]
    found += [f"target:{country}" for country in sorted(now.targets - known.targets)]
    found += [f"sector:{sector}" for sector in sorted(now.sectors - known.sectors)]
    return found
