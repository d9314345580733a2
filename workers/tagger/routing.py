"""Routes: which topics an event goes to besides the main one. Pure.

All conditions of a route must hold, each is "any of these". Conditions on the attacker (country, actor, objective) must
hold for one and the same attacker. Scored tags below the route's minimum score count as not there. Names are compared
without regard to case; a technique also matches its sub-techniques.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Literal, TypeAlias

from msgspec import Struct

from workers.model import Analysis, Attacker, RawItem
from workers.settings import RouteSettings

__all__ = ["Route", "Router"]

Condition: TypeAlias = Callable[[Analysis, RawItem], bool]
AttackerCondition: TypeAlias = Callable[[Attacker], bool]
Need: TypeAlias = Literal["attackers", "targets", "sectors", "techniques", "malware", "nothing"]

_PRESENT: Mapping[Need, Callable[[Analysis], object]] = {
    "attackers": attrgetter("attackers"),
    "targets": attrgetter("targets.countries"),
    "sectors": attrgetter("targets.sectors"),
    "techniques": attrgetter("techniques"),
    "malware": attrgetter("malware"),
    "nothing": lambda _: True,
}


class Route(Struct, frozen=True, kw_only=True):
    """A route ready for use. `number` is its place among the settings, `needs` the tags without which it cannot match."""

    number: int
    name: str
    topic: str
    needs: Need
    conditions: tuple[Condition, ...]

    def matches(self, analysis: Analysis, item: RawItem) -> bool:
        """Whether every condition holds."""
        return all(condition(analysis, item) for condition in self.conditions)


class Router:
    """All routes. Those that need a kind of tag are looked at only where there is one: most events take no route."""

    def __init__(self, routes: Sequence[RouteSettings], *, output: str, minimum_score: float) -> None:
        self._routes = [_route(at, settings, output, minimum_score) for at, settings in enumerate(routes)]
        groups: dict[Need, list[Route]] = {}
        for route in self._routes:
            groups.setdefault(route.needs, []).append(route)
        self._groups = tuple((_PRESENT[need], tuple(members)) for need, members in groups.items())

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic that a route may publish to."""
        return tuple(dict.fromkeys(route.topic for route in self._routes))

    def routes_for(self, analysis: Analysis, item: RawItem) -> list[Route]:
        """The routes that an event of `item` takes, in the order of the settings."""
        found: list[Route] = []
        for is_present, routes in self._groups:
            if is_present(analysis):
                found += [route for route in routes if route.matches(analysis, item)]
        if len(found) > 1:
            found.sort(key=attrgetter("number"))
        return found


def _route(number: int, settings: RouteSettings, output: str, default_score: float) -> Route:
    least = default_score if settings.minimum_score is None else settings.minimum_score
    conditions = dict(_conditions(settings, least))
    return Route(
        number=number,
        name=settings.name,
        topic=settings.topic or f"{output}.{settings.name}",
        needs=next(iter(conditions), "nothing"),
        conditions=tuple(conditions.values()),
    )


def _conditions(settings: RouteSettings, least: float) -> Iterator[tuple[Need, Condition]]:
    attacker = _attacker(settings, least)
    if attacker is not None:
        yield "attackers", attacker
    if settings.target_country is not None:
        yield (
            "targets",
            _any_of(settings.target_country, lambda a, _: [t.code for t in a.targets.countries if t.score >= least]),
        )
    if settings.sector is not None:
        yield "sectors", _any_of(settings.sector, lambda a, _: _sectors(a, least))
    if settings.technique is not None:
        yield "techniques", _any_of(settings.technique, lambda a, _: _techniques(a))
    if settings.malware is not None:
        yield "malware", _any_of(settings.malware, lambda a, _: [malware.name for malware in a.malware])
    if settings.source is not None:
        yield "nothing", _any_of(settings.source, lambda _, item: _source(item))


def _attacker(settings: RouteSettings, least: float) -> Condition | None:
    wanted: list[AttackerCondition] = []
    if settings.attacker_country is not None:
        countries = _folded(settings.attacker_country)
        wanted.append(lambda attacker: (attacker.country or "").casefold() in countries)
    if settings.actor is not None:
        actors = _folded(settings.actor)
        wanted.append(lambda attacker: not actors.isdisjoint(_actor_names(attacker)))
    if settings.objective is not None:
        aims = _folded(settings.objective)
        wanted.append(lambda attacker: any(o.id in aims and o.score >= least for o in attacker.objectives))
    if not wanted and settings.minimum_score is None:
        return None
    return lambda analysis, _: any(
        attacker.score >= least and all(holds(attacker) for holds in wanted) for attacker in analysis.attackers
    )


def _any_of(wanted: list[str], values: Callable[[Analysis, RawItem], Iterable[str]]) -> Condition:
    folded = _folded(wanted)
    return lambda analysis, item: any(value.casefold() in folded for value in values(analysis, item))


def _sectors(analysis: Analysis, least: float) -> list[str]:
    return [name for s in analysis.targets.sectors if s.score >= least for name in (s.id, *s.sub)]


def _techniques(analysis: Analysis) -> list[str]:
    return [name for t in analysis.techniques for name in (t.id, t.id.partition(".")[0])]


def _source(item: RawItem) -> list[str]:
    return [item.source.name] if item.source is not None and item.source.name else []


def _actor_names(attacker: Attacker) -> Iterable[str]:
    for actor in attacker.actors:
        for name in (actor.name, actor.alias, actor.id, actor.attack_id):
            if name:
                yield name.casefold()


def _folded(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word.casefold() for word in words)
