"""The stored galaxies: complete or not there, one in use, and nothing lost when an update is cut off."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workers.errors import ConfigError
from workers.knowledge.galaxy import CLUSTERS, GalaxyRefusedError
from workers.knowledge.store import PACKAGED, GalaxyStore, InUse, Manifest, galaxy_name, manifest_of

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def contents(text: str = "a") -> dict[str, bytes]:
    return {name: f"{name} {text}".encode() for name in CLUSTERS}


def manifest(text: str = "a", version: int = 7) -> Manifest:
    return manifest_of(galaxy_name(version, contents(text)), "a folder", "2026-02-28", DAY, contents(text))


@pytest.fixture
def store(tmp_path: Path) -> GalaxyStore:
    found = GalaxyStore(tmp_path / "data")
    found.folder.mkdir(parents=True)
    return found


def test_nothing_stored_means_the_packaged_galaxy(tmp_path: Path) -> None:
    assert GalaxyStore(tmp_path / "nowhere").in_use() == InUse(in_use=PACKAGED, before=())
    assert GalaxyStore(tmp_path / "nowhere").manifests() == []


def test_a_stored_galaxy_comes_back_as_it_was_and_cannot_be_written_to(store: GalaxyStore) -> None:
    store.add(manifest(), contents())
    name = manifest().name
    assert store.contents(name) == contents()
    assert store.manifests() == [manifest()]
    assert manifest().files["tool"] == hashlib.sha256(b"tool a").hexdigest()
    assert all(path.stat().st_mode & 0o222 == 0 for path in (store.folder / name).iterdir())


def test_the_name_follows_version_and_bytes() -> None:
    assert galaxy_name(7, contents()).startswith("7-")
    assert galaxy_name(7, contents()) == galaxy_name(7, dict(reversed(contents().items())))
    assert len({galaxy_name(7, contents()), galaxy_name(8, contents()), galaxy_name(7, contents("b"))}) == 3


def test_adding_what_is_there_changes_nothing(store: GalaxyStore) -> None:
    store.add(manifest(), contents())
    made = (store.folder / manifest().name).stat().st_ino
    store.add(manifest(), contents())
    assert (store.folder / manifest().name).stat().st_ino == made


def damage(store: GalaxyStore) -> Path:
    path = store.folder / manifest().name / "tool.json"
    path.chmod(0o644)
    path.write_bytes(b"tool b")
    return path


def test_a_changed_file_is_refused_by_name_and_adding_it_again_repairs_it(store: GalaxyStore) -> None:
    store.add(manifest(), contents())
    damaged = damage(store)
    with pytest.raises(ConfigError, match=r"tool\.json.*sha256"):
        store.contents(manifest().name)
    store.add(manifest(), contents())
    assert damaged.read_bytes() == b"tool a"
    assert sorted(path.name for path in store.folder.iterdir()) == [manifest().name]


def test_a_missing_file_and_a_missing_galaxy_are_refused_by_name(store: GalaxyStore) -> None:
    store.add(manifest(), contents())
    (store.folder / manifest().name / "rat.json").unlink()
    with pytest.raises(ConfigError, match=r"rat\.json"):
        store.contents(manifest().name)
    with pytest.raises(ConfigError, match="7-nothing"):
        store.contents("7-nothing")


def test_a_full_disk_leaves_nothing_behind(store: GalaxyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("workers.knowledge.store._write", full)
    with pytest.raises(OSError, match="No space"):
        store.add(manifest(), contents())
    assert list(store.folder.iterdir()) == []


def test_what_is_in_use_is_said_in_one_file(store: GalaxyStore) -> None:
    chosen = InUse(in_use="8-b", before=(PACKAGED, "7-a"))
    store.use(chosen)
    store.use(chosen)
    assert store.in_use() == chosen
    assert [path.name for path in store.folder.iterdir()] == ["in-use.json"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"in_use": 7}', b"\xff\xfe"])
def test_a_broken_pointer_is_no_silent_return_to_the_packaged_galaxy(store: GalaxyStore, content: bytes) -> None:
    (store.folder / "in-use.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"in-use\.json.*rollback"):
        store.in_use()


def test_pruning_keeps_what_a_rollback_can_reach(store: GalaxyStore) -> None:
    for text in ("a", "b", "c"):
        store.add(manifest(text), contents(text))
    (store.folder / ".new-cut-off").mkdir()
    store.use(InUse(in_use=manifest("c").name, before=(PACKAGED, manifest("b").name)))
    assert store.prune() == sorted([".new-cut-off", manifest("a").name])
    assert {entry.name for entry in store.manifests()} == {manifest("b").name, manifest("c").name}


def test_two_at_once_are_refused(store: GalaxyStore) -> None:
    with store.locked(), pytest.raises(GalaxyRefusedError, match="under way"), store.locked():
        pass
    with store.locked():
        assert store.in_use() == InUse()


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GalaxyRefusedError, match=r"knowledge\.data_dir"), GalaxyStore(tmp_path / "file").locked():
        pass
