"""Where a galaxy's clusters are found: folders and archives, whole ones only, and none that does harm."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest

import workers.knowledge.candidate as under_test
from workers.knowledge.candidate import clusters_in_archive, clusters_in_folder
from workers.knowledge.galaxy import CLUSTERS, GalaxyRefusedError, parse_cluster

FILES = {name: f'"{name}"'.encode() for name in CLUSTERS}


def tarred(files: Mapping[str, bytes], mode: Literal["w", "w:gz", "w:xz"] = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def below(folder: str) -> dict[str, bytes]:
    return {f"{folder}{name}.json": content for name, content in FILES.items()}


@pytest.mark.parametrize("inner", ["", "clusters"])
def test_a_folder_or_its_folder_clusters(tmp_path: Path, inner: str) -> None:
    place = tmp_path / inner
    place.mkdir(exist_ok=True)
    for name, content in below("").items():
        (place / name).write_bytes(content)
    assert clusters_in_folder(tmp_path) == FILES


def test_what_a_folder_lacks_is_named(tmp_path: Path) -> None:
    for name, content in below("").items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "rat.json").unlink()
    with pytest.raises(GalaxyRefusedError, match=r"lacks rat\.json: expected every cluster"):
        clusters_in_folder(tmp_path)


@pytest.mark.parametrize("folder", ["", "./", "clusters/", "misp-galaxy-main/clusters/"])
def test_archives_as_they_are_published(folder: str) -> None:
    others = {"misp-galaxy-main/README.md": b"x", "misp-galaxy-main/galaxies/tool.json": b"not this one"}
    for content in (tarred(others | below(folder)), zipped(others | below(folder)), tarred(below(folder), "w:xz")):
        assert clusters_in_archive("galaxy.tar.gz", content) == FILES


def test_a_link_in_an_archive_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in CLUSTERS:
            member = tarfile.TarInfo(f"clusters/{name}.json")
            member.type, member.linkname = tarfile.SYMTYPE, str(secret)
            archive.addfile(member)
    with pytest.raises(GalaxyRefusedError, match="lacks"):
        clusters_in_archive("x.tar", out.getvalue())


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\x1f\x8b broken", tarred(FILES)[:200], zipped(FILES)[:-30], b"PK\x05\x06" + bytes(18)]
)
def test_what_is_no_archive_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(GalaxyRefusedError, match=r"galaxy\.bin"):
        clusters_in_archive("galaxy.bin", content)


@pytest.mark.parametrize("pack", [tarred, zipped])
def test_a_file_that_unpacks_to_too_much_is_refused(pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "_LARGEST_FILE", 100)
    with pytest.raises(GalaxyRefusedError, match="unpacks to more than 100 bytes"):
        clusters_in_archive("x", pack(below("clusters/") | {"clusters/tool.json": bytes(101)}))


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "_LARGEST_ARCHIVE", 1000)
    with pytest.raises(GalaxyRefusedError, match="unpacks to more than 1000 bytes"):
        clusters_in_archive("x", tarred({"elsewhere.bin": bytes(2000)} | below("clusters/")))


def document(**changes: Any) -> bytes:
    entry = {"value": "Testing Heron", "uuid": "u", "meta": {"synonyms": ["Heron"], "country": "CN"}}
    shape = {
        "name": "n",
        "type": "t",
        "source": "s",
        "authors": ["a"],
        "description": "d",
        "uuid": "u",
        "category": "c",
    }
    return json.dumps(shape | {"version": 7, "values": [entry]} | changes).encode()


def test_a_cluster_is_read_from_its_bytes() -> None:
    rows = parse_cluster("tool", document())
    assert rows.version == 7
    assert [(row.name, row.synonyms, row.country) for row in rows.entries] == [("Testing Heron", ("Heron",), "CN")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "is no JSON"),
        (b"\xff", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "Expected `object`"),
        (document(version="new"), r"\$\.version"),
        (document(values=[{"uuid": "u"}]), r"`value`.*\$\.values\[0\]"),
        (document(values=[{"value": "x", "meta": {"synonyms": "one"}}]), "synonyms"),
        (document(values=[{"value": ""}]), "no value"),
        (document(values=[{"value": "x", "related": [{"type": "similar"}, {"type": "uses"}]}]), "dest-uuid"),
    ],
)
def test_a_cluster_of_another_shape_is_refused_by_name_and_place(content: bytes, says: str) -> None:
    with pytest.raises(GalaxyRefusedError, match=rf"tool\.json.*{says}"):
        parse_cluster("tool", content)
