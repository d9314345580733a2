"""Catalogues: the MISP galaxy and our overlay, compiled into one immutable, versioned Knowledge.

Reads files only when `load_knowledge` is called; nothing here touches the network.
"""

from __future__ import annotations

from workers.knowledge.entries import ActorEntry, ActorKind, MalwareEntry, RoleRule, Surface, TechniqueEntry
from workers.knowledge.galaxy import CLUSTERS, GalaxyRefusedError
from workers.knowledge.knowledge import Knowledge
from workers.knowledge.load import compile_galaxy, load_knowledge

__all__ = [
    "CLUSTERS",
    "ActorEntry",
    "ActorKind",
    "GalaxyRefusedError",
    "Knowledge",
    "MalwareEntry",
    "RoleRule",
    "Surface",
    "TechniqueEntry",
    "compile_galaxy",
    "load_knowledge",
]
