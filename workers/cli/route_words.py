"""Checks the words of routes against what an event can hold: a route for a country that no rule can name never fires.

Pure. Names of actors and malware are not checked: groups that no list has are tagged too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, get_args

from workers.model import ObjectiveId

if TYPE_CHECKING:
    from workers.knowledge import Knowledge
    from workers.settings import RouteSettings

__all__ = ["unknown_words"]


def unknown_words(routes: Iterable[RouteSettings], knowledge: Knowledge) -> Iterator[str]:
    """In words, every condition of a route that names a country, sector, objective or technique that there is not."""
    surfaces = knowledge.compiled.surfaces
    countries = {surface.country for surface in surfaces if surface.country}
    known = {
        "attacker_country": countries,
        "target_country": countries,
        "sector": {name for surface in surfaces for pair in surface.sectors for name in pair if name},
        "objective": set(get_args(ObjectiveId)),
        "technique": set(knowledge.techniques),
    }
    folded = {key: {word.casefold() for word in words} for key, words in known.items()}
    for route in routes:
        for key, words in folded.items():
            for value in getattr(route, key) or ():
                if value.casefold() not in words:
                    yield f"routes.toml: route {route.name}: {key} {value!r} stands in no event"
