"""The galaxies that `shirase knowledge update` took: a folder for each, never changed once it is there, and one file that says which is in use.

    galaxies/349-0f3b5c…/threat-actor.json …    the clusters as they came, read-only
    galaxies/349-0f3b5c…/manifest.json          where from, when, and each file's SHA-256; written last
    galaxies/in-use.json                        {"in_use": "349-…", "before": ["packaged", …]}

A folder appears under its name in one step (rename), after its files are on the disk; so does a new in-use.json. Whatever
stops an update half-way leaves what was in use in use. No in-use.json, or the name `packaged`: the galaxy that
pymispgalaxies ships. Opens files below its folder only.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from workers.errors import ConfigError
from workers.knowledge.galaxy import CLUSTERS, GalaxyRefusedError

__all__ = ["PACKAGED", "GalaxyStore", "InUse", "Manifest", "galaxy_name", "manifest_of"]

PACKAGED = "packaged"
_REPAIR = "a galaxy as it was stored (repair: `shirase knowledge update`, or `shirase knowledge rollback`)"
_DIGITS = 12


class Manifest(Struct, frozen=True, kw_only=True):
    """What is known of a stored galaxy. `version` is that of its threat-actor cluster, `released` a date."""

    name: str
    version: int
    source: str
    taken_at: str
    released: str
    files: dict[str, str]


class InUse(Struct, frozen=True, kw_only=True):
    """Which galaxy is in use, and which were before it, the latest last."""

    in_use: str = PACKAGED
    before: tuple[str, ...] = ()


def galaxy_name(version: int, contents: Mapping[str, bytes]) -> str:
    """The name of a galaxy: the version of its threat-actor cluster, and what its bytes are."""
    total = hashlib.sha256()
    for name in sorted(contents):
        total.update(name.encode() + b"\0" + hashlib.sha256(contents[name]).digest())
    return f"{version}-{total.hexdigest()[:_DIGITS]}"


def manifest_of(name: str, source: str, released: str, taken_at: datetime, contents: Mapping[str, bytes]) -> Manifest:
    """The manifest of a galaxy that was taken at `taken_at` from `source`."""
    return Manifest(
        name=name,
        version=int(name.partition("-")[0]),
        source=source,
        taken_at=taken_at.isoformat(timespec="milliseconds"),
        released=released,
        files={cluster: hashlib.sha256(content).hexdigest() for cluster, content in contents.items()},
    )


class GalaxyStore:
    """The stored galaxies below a data folder. Reading needs no lock; whoever changes something holds `locked`."""

    def __init__(self, data_dir: Path) -> None:
        """Opens nothing."""
        self.folder = data_dir / "galaxies"
        self._pointer = self.folder / "in-use.json"

    def in_use(self) -> InUse:
        """What is in use. Raises ConfigError where the file is there and cannot be read."""
        try:
            return msgspec.json.decode(self._pointer.read_bytes(), type=InUse)
        except (FileNotFoundError, NotADirectoryError):
            return InUse()
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(str(self._pointer), "in_use", str(error), _REPAIR) from error

    def manifests(self) -> list[Manifest]:
        """Every galaxy that is there, the latest taken last."""
        names = [
            path.parent.name for path in self.folder.glob("*/manifest.json") if not path.parent.name.startswith(".")
        ]
        return sorted((self.manifest(name) for name in names), key=lambda entry: (entry.taken_at, entry.name))

    def manifest(self, name: str) -> Manifest:
        """What is known of the stored galaxy `name`. Raises ConfigError."""
        path = self.folder / name / "manifest.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=Manifest)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(str(path), "galaxy", name, f"{_REPAIR}: {error}") from error

    def contents(self, name: str) -> dict[str, bytes]:
        """The clusters' bytes of the stored galaxy `name`. Raises ConfigError where one is not as it was stored."""
        manifest, found = self.manifest(name), {}
        for cluster in CLUSTERS:
            path = self.folder / name / f"{cluster}.json"
            try:
                content = path.read_bytes()
            except OSError as error:
                raise ConfigError(str(path), "galaxy", name, f"{_REPAIR}: {error.strerror}") from error
            if hashlib.sha256(content).hexdigest() != manifest.files.get(cluster):
                raise ConfigError(str(path), "sha256", name, _REPAIR)
            found[cluster] = content
        return found

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Within, nobody else changes the store. Raises GalaxyRefusedError where somebody does, or nothing can be written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            expected = "expected a folder that can be written to (knowledge.data_dir)"
            raise GalaxyRefusedError(f"{self.folder}: {error.strerror}: {expected}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise GalaxyRefusedError(f"{self.folder}: another update or rollback is under way") from error
        try:
            yield
        finally:
            os.close(handle)

    def add(self, manifest: Manifest, contents: Mapping[str, bytes]) -> None:
        """Store a galaxy, in use or not. One that is there already and whole stays as it is. Raises OSError."""
        target = self.folder / manifest.name
        if target.exists():
            if self.is_whole(manifest.name):
                return
            _remove(target)
        staging = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
        try:
            for name, content in contents.items():
                _write(staging / f"{name}.json", content)
            _write(staging / "manifest.json", msgspec.json.format(msgspec.json.encode(manifest)))
            staging.chmod(0o755)
            _sync_folder(staging)
            staging.rename(target)
            _sync_folder(self.folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def use(self, chosen: InUse) -> None:
        """Make `chosen` the state from now on: whoever starts after this reads with it. Raises OSError."""
        fresh = self.folder / ".in-use.json"
        fresh.unlink(missing_ok=True)
        _write(fresh, msgspec.json.format(msgspec.json.encode(chosen)))
        fresh.replace(self._pointer)
        _sync_folder(self.folder)

    def prune(self) -> list[str]:
        """Remove what no rollback can reach, and what an update that was cut off left; the names. Raises OSError."""
        state = self.in_use()
        wanted = {state.in_use, *state.before}
        gone = sorted(path for path in self.folder.iterdir() if path.is_dir() and path.name not in wanted)
        for path in gone:
            _remove(path)
        return [path.name for path in gone]

    def is_whole(self, name: str) -> bool:
        """Whether the stored galaxy `name` is there and as it was stored."""
        try:
            self.contents(name)
        except ConfigError:
            return False
        return True


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    path.chmod(0o444)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(folder: Path) -> None:
    """Out of sight first, in one step, so that nobody finds half of it."""
    aside = folder if folder.name.startswith(".") else folder.rename(folder.parent / f".old-{folder.name}")
    shutil.rmtree(aside)
