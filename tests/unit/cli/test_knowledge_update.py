"""`shirase knowledge update` and `rollback`: what is tried first, what is refused, and that a refusal changes nothing."""

from __future__ import annotations

import json
import shutil
import tarfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymispgalaxies
import pytest

from tests.support.cli_calls import CONFIG, Done, Program
from tests.support.lookup_server import ProviderServer, reply
from tests.support.web import base_of, pages
from workers.cli.wiring_metrics import released_at
from workers.knowledge import CLUSTERS, load_knowledge
from workers.knowledge.store import GalaxyStore, InUse, galaxy_name, manifest_of

SHIPPED = Path(pymispgalaxies.__file__).parent / "data/misp-galaxy/clusters"
CASES = """
class = "named"
[[en]]
id = "heron"
body = "Ashen Testing Heron broke into a Norwegian dairy."
attackers = ["CN"]
why = "a group that the galaxy ties to a country"
"""
FLOOR = "precision = 1.0\nrecall = 1.0\n\n[right]\nnamed = 1.0\n"
FEW = 60


def entry(name: str) -> dict[str, Any]:
    meta = {"country": "CN", "synonyms": [f"Grey {name}"], "refs": ["https://example.org/group"]}
    described = {"description": "A group made up for a test.", "meta": meta}
    return {"value": name, "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, name))} | described


HERON, RAVEN = entry("Ashen Testing Heron"), entry("Ashen Testing Raven")


@pytest.fixture(autouse=True)
def without_cities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the time that compiling takes, and nothing of what these tests are about."""
    monkeypatch.setattr("workers.knowledge.geography._cities", lambda minimum, dominance: {})


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("settings") / "config"
    shutil.copytree(CONFIG, folder, ignore=shutil.ignore_patterns("cases"))
    (folder / "cases").mkdir()
    (folder / "cases/named.toml").write_text(CASES, encoding="utf-8")
    (folder / "cases/floor.toml").write_text(FLOOR, encoding="utf-8")
    return folder


def galaxy_of(version: int, *groups: dict[str, Any]) -> dict[str, bytes]:
    """A small galaxy: the first few entries of each shipped cluster (every technique), and `groups` besides."""
    found = {}
    for name in CLUSTERS:
        document = json.loads((SHIPPED / f"{name}.json").read_bytes())
        if name != "mitre-attack-pattern":
            document["values"] = document["values"][:FEW]
        if name == "threat-actor":
            document["version"] = version
            document["values"] += groups
        found[name] = json.dumps(document).encode()
    return found


def galaxy_in(folder: Path, version: int, *groups: dict[str, Any]) -> Path:
    folder.mkdir()
    for name, content in galaxy_of(version, *groups).items():
        (folder / f"{name}.json").write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return galaxy_in(tmp_path_factory.mktemp("galaxy") / "newer", 9001, HERON, RAVEN)


@pytest.fixture(scope="module")
def first() -> dict[str, bytes]:
    return galaxy_of(9000, HERON)


class Knowledge:
    """`shirase knowledge` with a data folder of its own."""

    def __init__(self, config: Path, data: Path, kept: Path) -> None:
        self.config, self.data, self.kept = config, data, kept
        self.store = GalaxyStore(data)
        self.first = ""

    def __call__(self, *arguments: str | Path, code: int = 0, env: dict[str, str] | None = None) -> Done:
        own = {"SHIRASE_KNOWLEDGE__DATA_DIR": str(self.data), "SHIRASE_KNOWLEDGE__CACHE_DIR": str(self.kept)}
        return Program(own | (env or {}))("--config-dir", self.config, "knowledge", *arguments, code=code)

    def names(self) -> set[str]:
        """The names of the groups that a worker would know if it started now."""
        return {actor.name for actor in load_knowledge(self.config, self.kept, self.data).actors.values()}

    def tagged(self, text: str) -> Any:
        """What a worker that starts now makes of `text`: it builds its pipeline as `shirase tag` does."""
        own = {"SHIRASE_KNOWLEDGE__DATA_DIR": str(self.data), "SHIRASE_KNOWLEDGE__CACHE_DIR": str(self.kept)}
        item = json.dumps({"body": text}).encode()
        return Program(own)("--config-dir", self.config, "tag", "-", stdin=item).json()

    def info(self) -> Any:
        return self("info", "--json").json()


@pytest.fixture
def knowledge(config: Path, tmp_path: Path, kept: Path, first: dict[str, bytes]) -> Knowledge:
    """With a small galaxy in use: the packaged one takes seconds to compile."""
    made = Knowledge(config, tmp_path / "data", kept)
    made.first = galaxy_name(9000, first)
    with made.store.locked():
        made.store.add(manifest_of(made.first, "a test", "2026-03-01", datetime(2026, 3, 1, tzinfo=UTC), first), first)
        made.store.use(InUse(in_use=made.first))
    return made


@pytest.fixture
def web() -> Iterator[ProviderServer]:
    with ProviderServer().running() as server:
        yield server


def test_a_newer_galaxy_is_taken_used_and_left_again(knowledge: Knowledge, newer: Path) -> None:
    before = knowledge.info()
    assert before["galaxy"]["in_use"] == knowledge.first

    done = knowledge("update", "--from", newer, "--released", "2026-03-02")
    name = knowledge.store.in_use().in_use
    assert name.startswith("9001-")
    in_use = f"{name} is in use now, after {knowledge.first}. A tagger that runs reads with it from its next start.\n"
    assert done.out == in_use
    assert "1 of 1 behaviour cases are right" in done.err

    taken = knowledge.info()
    assert taken["version"].startswith(f"misp-galaxy@{name}+overlay@")
    assert taken["actors"] == before["actors"] + 1
    assert taken["galaxy"]["before"] == [knowledge.first]
    assert f"from {newer}, released 2026-03-02" in taken["galaxy"]["there"][name]
    assert released_at(taken["version"], knowledge.config, knowledge.data) == 1772409600.0
    event = knowledge.tagged("Grey Ashen Testing Raven broke into a Norwegian dairy.")
    assert event["provenance"]["knowledge"] == taken["version"]
    assert event["attackers"][0]["actors"][0]["name"] == "Ashen Testing Raven"

    assert knowledge("update", "--from", newer).out == f"{name} is in use already\n"
    assert knowledge("rollback").out.startswith(f"{knowledge.first} is in use now, after {name}.")
    assert knowledge.info()["version"] == before["version"]
    assert "Ashen Testing Raven" not in knowledge.names()
    assert "none was before it" in knowledge("rollback", code=1).err


def test_a_rollback_may_name_where_to(knowledge: Knowledge) -> None:
    assert knowledge("rollback", "--to", "packaged").out.startswith(f"packaged is in use now, after {knowledge.first}.")
    assert "Lazarus Group" in knowledge.names()
    assert knowledge("rollback", "--to", "packaged").out == "packaged is in use already\n"
    refused = knowledge("rollback", "--to", "1-nothing", code=1)
    assert f"expected one of packaged, {knowledge.first}" in refused.err
    assert knowledge("rollback", "--to", knowledge.first).out.startswith(f"{knowledge.first} is in use now")


def unchanged(knowledge: Knowledge) -> bool:
    kept = [manifest.name for manifest in knowledge.store.manifests()]
    return knowledge.store.in_use() == InUse(in_use=knowledge.first) and kept == [knowledge.first]


def test_one_that_breaks_a_case_is_refused_unless_that_is_tolerated(knowledge: Knowledge, tmp_path: Path) -> None:
    worse = galaxy_in(tmp_path / "worse", 9002, RAVEN)
    refused = knowledge("update", "--from", worse, code=1)
    assert "no longer right: named heron: attackers: CN is not tagged" in refused.err
    assert "is not taken: recall of attackers is 0.0000, below 1.0000 (--tolerate 1 takes it" in refused.err
    assert refused.err.endswith("nothing changed\n")
    assert unchanged(knowledge)
    assert "is in use now" in knowledge("update", "--from", worse, "--tolerate", "1").out


def test_an_older_one_is_refused_unless_it_is_wanted(knowledge: Knowledge, tmp_path: Path) -> None:
    older = galaxy_in(tmp_path / "older", 2, HERON)
    assert "version 2: expected 9000, the version in use, or newer" in knowledge("update", "--from", older, code=1).err
    assert unchanged(knowledge)
    assert knowledge("update", "--from", older, "--older").out.startswith("2-")


def test_one_that_lost_half_of_its_entries_is_refused(knowledge: Knowledge, newer: Path, tmp_path: Path) -> None:
    shrunk = shutil.copytree(newer, tmp_path / "shrunk")
    tools = json.loads((shrunk / "tool.json").read_bytes())
    (shrunk / "tool.json").write_text(json.dumps(tools | {"values": tools["values"][:29]}), encoding="utf-8")
    refused = knowledge("update", "--from", shrunk, "--tolerate", "9", code=1)
    assert "tool has 29 entries: expected at least half of the 60" in refused.err
    assert unchanged(knowledge)


def test_one_of_another_shape_is_refused_by_file(knowledge: Knowledge, newer: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(newer, tmp_path / "broken")
    (broken / "threat-actor.json").write_text('{"values": []}', encoding="utf-8")
    assert "threat-actor.json: Object missing required field" in knowledge("update", "--from", broken, code=1).err
    (broken / "rat.json").unlink()
    assert "lacks rat.json" in knowledge("update", "--from", broken, code=1).err
    assert unchanged(knowledge)


def test_it_is_fetched_file_by_file_or_as_an_archive(
    knowledge: Knowledge, newer: Path, web: ProviderServer, tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "galaxy.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(newer, "misp-galaxy-main/clusters")
    files = {f"/main/{name}.json": (newer / f"{name}.json").read_bytes() for name in CLUSTERS}
    web.behaviour = pages(files | {"/galaxy.tar.gz": (tmp_path / "galaxy.tar.gz").read_bytes()})
    knowledge("update", "--internal", env={"SHIRASE_KNOWLEDGE__UPDATE_FROM": f"{base_of(web)}/main/"})
    name = knowledge.store.in_use().in_use
    assert knowledge.store.manifest(name).source == f"{base_of(web)}/main/"
    assert (
        knowledge("update", "--internal", "--from", f"{base_of(web)}/galaxy.tar.gz").out
        == f"{name} is in use already\n"
    )


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/gone/", "/gone/threat-actor.json answered with HTTP status 404, expected 200"),
        ("/page", "/page is no galaxy: expected a folder, a .tar.gz or .zip archive"),
        ("/half/", "/half/mitre-intrusion-set.json answered with HTTP status 503"),
    ],
)
def test_what_cannot_be_fetched_changes_nothing(
    knowledge: Knowledge, web: ProviderServer, path: str, says: str
) -> None:
    web.behaviour = pages(
        {"/page": b"<html>", "/half/threat-actor.json": b"{}", "/half/mitre-intrusion-set.json": reply(503)}
    )
    assert says in knowledge("update", "--internal", "--from", base_of(web) + path, code=1).err
    assert unchanged(knowledge)


def test_it_must_come_by_https_from_the_public_network(knowledge: Knowledge, web: ProviderServer) -> None:
    assert "expected https://" in knowledge("update", "--from", base_of(web) + "/x/", code=2).words()
    refused = knowledge("update", "--from", base_of(web).replace("http:", "https:") + "/x/", code=1)
    assert "leads to an address that is not public; --internal allows that" in refused.err
    assert "expected https://host/path" in knowledge("update", "--from", "https://me:pw@example.org/x/", code=2).words()
    assert web.requests == []


def test_a_source_that_is_not_there_is_wrong_usage_or_wrong_configuration(knowledge: Knowledge) -> None:
    assert "nowhere" in knowledge("update", "--from", "/nowhere", code=2).words()
    wrong = knowledge("update", code=78, env={"SHIRASE_KNOWLEDGE__UPDATE_FROM": "/nowhere"})
    assert "knowledge.update_from = '/nowhere': expected a file, folder or address" in wrong.err


def test_a_galaxy_that_was_tampered_with_is_not_read_and_can_be_left(
    knowledge: Knowledge, newer: Path, tmp_path: Path
) -> None:
    knowledge("update", "--from", newer)
    name = knowledge.store.in_use().in_use
    damaged = knowledge.store.folder / name / "tool.json"
    damaged.chmod(0o644)
    damaged.write_text("{}", encoding="utf-8")
    fresh = {"SHIRASE_KNOWLEDGE__CACHE_DIR": str(tmp_path / "fresh")}
    assert "tool.json" in knowledge("info", code=78, env=fresh).err
    assert "is in use already; its files were damaged" in knowledge("update", "--from", newer, env=fresh).out
    assert knowledge.store.is_whole(name)
    (knowledge.store.folder / "in-use.json").unlink()
    (knowledge.store.folder / "in-use.json").write_text("{", encoding="utf-8")
    assert "in-use.json" in knowledge("info", code=78).err
    assert "in use now" in knowledge("rollback", "--to", name).out
    assert knowledge.info()["galaxy"]["in_use"] == name


def test_only_so_many_are_kept(knowledge: Knowledge, newer: Path, tmp_path: Path) -> None:
    keep = {"SHIRASE_KNOWLEDGE__KEEP": "1"}
    knowledge("update", "--from", newer, env=keep)
    second = knowledge.store.in_use().in_use
    knowledge("update", "--from", galaxy_in(tmp_path / "last", 9006, HERON), env=keep)
    assert knowledge.store.in_use().before == (second,)
    assert [entry.version for entry in knowledge.store.manifests()] == [9001, 9006]


def test_two_updates_at_once_are_refused(knowledge: Knowledge, newer: Path) -> None:
    with knowledge.store.locked():
        assert "under way" in knowledge("update", "--from", newer, code=1).err
        assert "under way" in knowledge("rollback", code=1).err
