"""Which malware an actor uses, from the clusters' links in both directions."""

from __future__ import annotations

from workers.knowledge.actors import build_actors
from workers.knowledge.galaxy import GalaxyRow
from workers.knowledge.tooling import tools_by_actor


def row(row_id: str, name: str, *related: tuple[str, str], synonyms: tuple[str, ...] = ()) -> GalaxyRow:
    return GalaxyRow(
        id=row_id,
        name=name,
        external_id=None,
        description="",
        synonyms=synonyms,
        country="",
        sponsor="",
        refs=(),
        victims=(),
        sectors=(),
        related=related,
    )


CLUSTERS = {
    "threat-actor": [row("t1", "APT0", ("m1", "uses"), ("m2", "similar"))],
    "mitre-intrusion-set": [row("i1", "apt-0", ("m2", "uses"), ("m1", "uses"), ("x", "uses"), ("t1", "similar"))],
    "microsoft-activity-group": [],
    "mitre-malware": [row("m1", "Zeta"), row("m2", "alpha"), row("m3", "Unused")],
    "rat": [row("r1", "Rat", ("t1", "used-by"))],
}


def test_links_count_in_both_directions_and_once() -> None:
    assert tools_by_actor(CLUSTERS) == {"t1": ("Rat", "Zeta"), "i1": ("alpha", "Zeta")}


def test_an_actor_of_two_clusters_has_the_tools_of_both() -> None:
    actors = build_actors(CLUSTERS, {"actor": []})
    assert {entry.name: entry.tools for entry in actors.entries.values()} == {"APT0": ("alpha", "Rat", "Zeta")}
