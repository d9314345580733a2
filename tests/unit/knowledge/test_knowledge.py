from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workers.errors import ConfigError
from workers.knowledge import Knowledge, load_knowledge

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge(CONFIG, None)


def by_name(knowledge: Knowledge, name: str) -> list[str | None]:
    return [entry.country for entry in knowledge.actors.values() if name in (entry.name, *entry.aliases)]


def test_version_names_galaxy_and_overlay(knowledge: Knowledge) -> None:
    head, _, overlay = knowledge.version.partition("+overlay@")
    assert head.startswith("misp-galaxy@")
    assert head.removeprefix("misp-galaxy@").isdigit()
    assert len(overlay) == 12
    assert set(overlay) <= set("0123456789abcdef")


def test_info_counts_what_is_there(knowledge: Knowledge) -> None:
    info = knowledge.info()
    assert info["actors"] == len(knowledge.actors)
    assert isinstance(info["actor_names"], int)
    assert info["actor_names"] > 2500
    assert info["version"] == knowledge.version


def test_clusters_are_joined_by_name(knowledge: Knowledge) -> None:
    apt28 = next(entry for entry in knowledge.actors.values() if entry.name == "APT28")
    assert apt28.attack_id == "G0007"
    assert apt28.country == "RU"
    assert {"Fancy Bear", "Sofacy"} & set(apt28.aliases) or any(
        alias.casefold() == "fancy bear" for alias in apt28.aliases
    )


@pytest.mark.parametrize(
    ("name", "country"),
    [
        ("Volt Typhoon", "CN"),
        ("Salt Typhoon", "CN"),
        ("Famous Chollima", "KP"),
        ("TraderTraitor", "KP"),
        ("Silver Fox", "CN"),
        ("Killnet", "RU"),
        ("ラザルス", "KP"),
    ],
)
def test_overlay_adds_sponsors(knowledge: Knowledge, name: str, country: str) -> None:
    assert country in by_name(knowledge, name)


def test_a_tool_that_a_tracker_lists_for_an_actor_is_the_tool(knowledge: Knowledge) -> None:
    owners = [surface for surface in knowledge.compiled.surfaces if surface.text in {"poison ivy", "poisonivy"}]
    assert owners
    assert not any(surface.actors for surface in owners)
    assert any(surface.malware for surface in owners)


def test_revoked_technique_has_successor(knowledge: Knowledge) -> None:
    assert knowledge.techniques["T1566.001"].name
    assert all(entry.successor in knowledge.techniques for entry in knowledge.techniques.values() if entry.successor)


def test_every_overlay_actor_names_its_source() -> None:
    import tomllib

    content = tomllib.loads((CONFIG / "knowledge" / "actors.toml").read_text(encoding="utf-8"))
    assert all(row["source"] for row in content["actor"])


def test_every_file_names_its_source() -> None:
    import tomllib

    for path in (CONFIG / "knowledge").glob("*.toml"):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        rows = [row for value in content.values() if isinstance(value, list) for row in value if isinstance(row, dict)]
        assert content.get("source") or all("source" in row for row in rows), path.name


def test_warm_start_gives_the_same(tmp_path: Path, knowledge: Knowledge) -> None:
    first = load_knowledge(CONFIG, tmp_path)
    assert list(tmp_path.glob("*.msgpack"))
    second = load_knowledge(CONFIG, tmp_path)
    assert first.compiled == second.compiled == knowledge.compiled


def test_corrupt_cache_does_not_matter(tmp_path: Path) -> None:
    load_knowledge(CONFIG, tmp_path)
    held = next(tmp_path.glob("*.msgpack"))
    held.write_bytes(b"\x00garbage")
    assert load_knowledge(CONFIG, tmp_path).actors


def test_unusable_cache_folder_does_not_matter(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert load_knowledge(CONFIG, blocked / "below").actors


def copied(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    shutil.copytree(CONFIG / "knowledge", folder / "knowledge")
    return folder


def test_a_changed_overlay_has_another_version(tmp_path: Path, knowledge: Knowledge) -> None:
    folder = copied(tmp_path)
    path = folder / "knowledge" / "actors.toml"
    row = '\n[[actor]]\nname = "Testing Heron"\naliases = []\ncountry = "CN"\nkind = "state"\nsource = "this test"\n'
    path.write_text(
        path.read_text(encoding="utf-8").replace("[ransomware_brands]", row + "\n[ransomware_brands]"), encoding="utf-8"
    )
    changed = load_knowledge(folder, None)
    assert changed.version != knowledge.version
    assert by_name(changed, "Testing Heron") == ["CN"]


@pytest.mark.parametrize(
    ("file", "old", "new", "names"),
    [
        ("roles_en.toml", 'pattern = "<ORGO>"', 'pattern = "<NOSUCHCLASS>"', "organ.default"),
        ("roles_en.toml", 'pattern = "<ORGO>"', 'pattern = "<ORGO"', "organ.default"),
        ("techniques.toml", '"T1566" =', '"T9999" =', "T9999"),
        ("countries.toml", "[country]", "[country", "countries"),
    ],
)
def test_wrong_overlay_is_named(tmp_path: Path, file: str, old: str, new: str, names: str) -> None:
    folder = copied(tmp_path)
    path = folder / "knowledge" / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=names):
        load_knowledge(folder, None)


def test_missing_file_is_named(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / "knowledge" / "sectors.toml").unlink()
    with pytest.raises(ConfigError, match="sectors"):
        load_knowledge(folder, None)


@pytest.mark.parametrize(
    ("form", "written"),
    [("xmrig", "XMRig"), ("njrat", "NjRAT"), ("njrat", "njRAT"), ("mimikatz", "mimikatz")],
)
def test_a_family_is_found_as_either_list_writes_it(knowledge: Knowledge, form: str, written: str) -> None:
    surface = next(row for row in knowledge.compiled.surfaces if row.text == form)
    as_written = {0: True, 1: written[0].isupper(), 2: written in surface.exact}
    assert as_written[surface.case]


def test_a_rule_says_what_its_attacker_is(knowledge: Knowledge) -> None:
    kinds = {rule.name: rule.kind for rule in knowledge.compiled.roles}
    assert kinds["subject.active"] == "state"
    assert kinds["nexus.attackers"] == "unknown"


def test_every_rule_knows_the_words_of_states_and_of_links(knowledge: Knowledge) -> None:
    letters = knowledge.compiled.letters
    for rule in knowledge.compiled.roles:
        assert letters["ORG"] in rule.state
        assert rule.linked, rule.name


def test_the_file_of_rules_must_say_what_makes_a_state(tmp_path: Path) -> None:
    shutil.copytree(CONFIG / "knowledge", tmp_path / "knowledge")
    path = tmp_path / "knowledge/roles_en.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('state = ["GOV"', 'state = ["NOSUCH"'), encoding="utf-8")
    with pytest.raises(ConfigError):
        load_knowledge(tmp_path, None)
