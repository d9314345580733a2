"""Which malware and tools the galaxy says an actor uses: the actors' own links, and those that malware has to them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from workers.knowledge.galaxy import ACTOR_CLUSTERS, MALWARE_CLUSTERS, GalaxyRow

__all__ = ["tools_by_actor"]

# Kinds of link as the clusters have them, from an actor and to one.
_USES = frozenset({"uses", "deploys", "delivers"})
_USED_BY = "used-by"


def tools_by_actor(clusters: Mapping[str, Iterable[GalaxyRow]]) -> dict[str, tuple[str, ...]]:
    """The names, by the id of the actor's entry: each once, in alphabetical order."""
    families = [row for name in MALWARE_CLUSTERS for row in clusters.get(name, ())]
    names = {row.id: row.name for row in families}
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for actor in (row for name in ACTOR_CLUSTERS for row in clusters.get(name, ())):
        for target, kind in actor.related:
            if kind in _USES and target in names:
                found[actor.id].setdefault(names[target].casefold(), names[target])
    for family in families:
        for target, kind in family.related:
            if kind == _USED_BY:
                found[target].setdefault(family.name.casefold(), family.name)
    return {actor_id: tuple(sorted(tools.values(), key=str.casefold)) for actor_id, tools in found.items()}
