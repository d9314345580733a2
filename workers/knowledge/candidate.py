"""Finds a galaxy's cluster files in a folder or an archive. Reads only; unpacks in memory, never to a path that an archive names."""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from workers.knowledge.galaxy import CLUSTERS, GalaxyRefusedError

__all__ = ["clusters_in_archive", "clusters_in_folder", "complete"]

_LARGEST_FILE = 64 * 1024 * 1024
_LARGEST_ARCHIVE = 2 * 1024 * 1024 * 1024
_FOLDER = "clusters"


def clusters_in_folder(folder: Path) -> dict[str, bytes]:
    """The bytes of each cluster's file by name, from `folder` or from `folder`/clusters. Raises GalaxyRefusedError."""
    inner = folder / _FOLDER
    place = inner if inner.is_dir() else folder
    found: dict[str, bytes] = {}
    for name in CLUSTERS:
        path = place / f"{name}.json"
        try:
            if path.is_file():
                found[name] = path.read_bytes()
        except OSError as error:
            raise GalaxyRefusedError(f"{path} cannot be read: {error.strerror}") from error
    return complete(found, str(place))


def clusters_in_archive(where: str, content: bytes) -> dict[str, bytes]:
    """The bytes of each cluster's file by name, from a tar (packed or not) or zip archive of a galaxy.

    Raises GalaxyRefusedError, also for one that unpacks to more than any galaxy has.
    """
    members = _zip_members if zipfile.is_zipfile(io.BytesIO(content)) else _tar_members
    try:
        return complete(dict(members(where, io.BytesIO(content))), where)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError) as error:
        expected = "expected a folder, a .tar.gz or .zip archive with the clusters"
        raise GalaxyRefusedError(f"{where} is no galaxy: {expected} ({error})") from error


def complete(found: Mapping[str, bytes], where: str) -> dict[str, bytes]:
    """`found`, where no cluster is missing. Raises GalaxyRefusedError."""
    missing = [f"{name}.json" for name in CLUSTERS if name not in found]
    if missing:
        raise GalaxyRefusedError(
            f"{where} lacks {', '.join(missing)}: expected every cluster that the knowledge is made of"
        )
    return dict(found)


def _tar_members(where: str, stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    total = 0
    with tarfile.open(fileobj=stream, mode="r:*") as archive:
        for member in archive:
            total += member.size
            _check(where, total, _LARGEST_ARCHIVE)
            name = _cluster_of(member.name)
            unpacked = archive.extractfile(member) if name and member.isreg() else None
            if name and unpacked is not None:
                _check(f"{where}: {member.name}", member.size, _LARGEST_FILE)
                yield name, unpacked.read()


def _zip_members(where: str, stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(stream) as archive:
        for member in archive.infolist():
            name = _cluster_of(member.filename)
            if name:
                with archive.open(member) as unpacked:
                    content = unpacked.read(_LARGEST_FILE + 1)  # what a header says of the size need not be true
                _check(f"{where}: {member.filename}", len(content), _LARGEST_FILE)
                yield name, content


def _cluster_of(path: str) -> str | None:
    """The cluster that a member of an archive holds: `NAME.json`, alone or in a folder `clusters`."""
    parts = PurePosixPath(path).parts
    is_place = len(parts) == 1 or (len(parts) > 1 and parts[-2] in {_FOLDER, "."})
    name = parts[-1].removesuffix(".json") if is_place and parts[-1].endswith(".json") else None
    return name if name in CLUSTERS else None


def _check(what: str, size: int, limit: int) -> None:
    if size > limit:
        raise GalaxyRefusedError(f"{what} unpacks to more than {limit} bytes: expected a MISP galaxy")
