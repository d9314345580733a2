"""The watch list: which rows an event matches, and how sure the tags are that make it match. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workers.model import Attacker, TaggedEvent
from workers.settings.alerts import WatchSettings

__all__ = ["Watch", "actor_names", "sector_names"]

_SURE = 1.0


class Watch:
    """One row, ready for use. `minimum` is the score below which nothing is raised."""

    def __init__(self, row: WatchSettings, minimum: float) -> None:
        self.name = row.name
        self.minimum = minimum if row.minimum_score is None else row.minimum_score
        self._countries = frozenset(row.attacker_country or ())
        self._actors = _folded(row.actor or ())
        self._targets = frozenset(row.target_country or ())
        self._sectors = _folded(row.sector or ())
        self._sources = _folded(row.source or ())
        self._routes = frozenset(row.route or ())
        self._wants_attacker = bool(self._countries or self._actors)

    def score(self, event: TaggedEvent) -> float | None:
        """The least of the scores by which the conditions hold, each by its best tag; None where one does not hold."""
        if self._wants_attacker and not event.attackers:
            return None
        if self._routes and self._routes.isdisjoint(event.routes):
            return None
        source = event.item.source
        if self._sources and ((source.name if source else None) or "").casefold() not in self._sources:
            return None
        return _least(self._tag_scores(event))

    def _tag_scores(self, event: TaggedEvent) -> Iterable[float | None]:
        if self._wants_attacker:
            yield max((a.score for a in event.attackers if self._is_meant(a)), default=None)
        if self._targets:
            yield max((t.score for t in event.targets.countries if t.code in self._targets), default=None)
        if self._sectors:
            yield max(
                (s.score for s in event.targets.sectors if sector_names(s.id, s.sub) & self._sectors), default=None
            )

    def _is_meant(self, attacker: Attacker) -> bool:
        if self._countries and attacker.country not in self._countries:
            return False
        return not self._actors or not self._actors.isdisjoint(actor_names(attacker))


def _least(scores: Iterable[float | None]) -> float | None:
    least = _SURE
    for score in scores:
        if score is None:
            return None
        least = min(least, score)
    return least


def sector_names(sector: str, sub: Sequence[str]) -> frozenset[str]:
    """The names under which a condition may ask for a sector: its own and the finer ones."""
    return frozenset((sector, *sub))


def actor_names(attacker: Attacker) -> frozenset[str]:
    """The names and ids under which a condition may ask for an attacker's actors, without regard to case."""
    return frozenset(name.casefold() for a in attacker.actors for name in (a.name, a.alias, a.id, a.attack_id) if name)


def _folded(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word.casefold() for word in words)
