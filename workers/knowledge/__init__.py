"""Catalogues: the MISP galaxy and our overlay, compiled into one immutable, versioned Knowledge.

Reads files only when `load_knowledge` is called; nothing here touches the network.
"""

from __future__ import annotations

from workers.knowledge.entries import ActorEntry, ActorKind, MalwareEntry, RoleRule, Surface, TechniqueEntry
from workers.knowledge.knowledge import Knowledge
from workers.knowledge.load import load_knowledge

__all__ = [
    "ActorEntry",
    "ActorKind",
    "Knowledge",
    "MalwareEntry",
    "RoleRule",
    "Surface",
    "TechniqueEntry",
    "load_knowledge",
]
