"""Puts the knowledge together from the clusters and the overlay. Pure: whoever calls it has read the files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workers.knowledge.actors import ActorTable, build_actors
from workers.knowledge.entries import Compiled, TechniqueEntry
from workers.knowledge.families import FamilyTable, build_families
from workers.knowledge.galaxy import GalaxyRow
from workers.knowledge.geography import add_ambiguous, add_countries, add_organs, add_places
from workers.knowledge.lexicon import add_breaks, add_cues, add_meanings, add_phrases, collect_words
from workers.knowledge.overlay import RULE_FILES, Overlay, strings, table
from workers.knowledge.rolefile import assign_letters, compile_roles
from workers.knowledge.spelling import fold, spellings, squash
from workers.knowledge.surfacetable import SurfaceTable

__all__ = ["compile_knowledge"]

_NAME_MINIMUM = 3
_SHORT = 5


class _Guards:
    """Which names are common words."""

    def __init__(self, guards: Mapping[str, Any], actors: Mapping[str, Any]) -> None:
        common = table("guards.common_actor_words", guards["common_actor_words"])
        self.common_actors = frozenset(strings("words", common["words"])) - frozenset(
            strings("capital", common["capital_is_enough"])
        )
        self.common_malware = frozenset(
            strings("words", table("guards.common_malware_words", guards["common_malware_words"])["words"])
        )
        brands = table("actors.ransomware_brands", actors["ransomware_brands"])
        self.brands = strings("actors.ransomware_brands.names", brands["names"])
        self.brand_keys = frozenset(squash(name) for name in self.brands)

    def for_name(self, form: str, alias: str, common: frozenset[str]) -> dict[str, Any]:
        """The conditions under which `form` counts as the name `alias`."""
        if form in common:
            return {"case": 1, "guard": "beside"}
        if not form.isascii() or any(char.isdigit() for char in form):
            return {}
        if " " in form or "-" in form:
            return {"case": 3}
        if len(form) <= _SHORT and alias.isupper() and alias.isalpha():
            return {"case": 2, "exact": (alias,)}
        if alias[0].islower():
            plain = (form,) if len(form) > _SHORT + 1 else ()
            written = (alias, alias.capitalize(), alias[0].upper() + alias[1:], alias.upper(), *plain)
            return {"case": 2, "exact": tuple(dict.fromkeys(written))}
        return {"case": 1}


def _add_actors(found: SurfaceTable, actors: ActorTable, guards: _Guards) -> None:
    for entry in actors.entries.values():
        for alias in (entry.name, *entry.aliases):
            owners = actors.owners[squash(alias)] if squash(alias) else ()
            for form in spellings(alias):
                if len(form) >= _NAME_MINIMUM and not form.isdigit() and squash(form) not in guards.brand_keys:
                    found.add(form, cls="ACTOR", actors=owners, **guards.for_name(form, alias, guards.common_actors))


def _add_families(found: SurfaceTable, families: FamilyTable, guards: _Guards) -> None:
    for key, names in families.names.items():
        weak = key in families.weak
        forms: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        for name in names:
            brand = squash(name) in guards.brand_keys
            for form in spellings(name):
                if len(form) < _NAME_MINIMUM or form.isdigit():
                    continue
                conditions = guards.for_name(form, name, guards.common_malware)
                if weak and not brand:
                    conditions = {"case": 3, "guard": "ransom"}
                forms.setdefault(form, []).append((name, conditions))
        for form, found_as in forms.items():
            found.add(form, cls="MALW", malware=key, **_either(form, found_as))


def _either(form: str, found_as: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """What a form must look like that one list writes with a capital and another without: either, unless that is a short word."""
    first = found_as[0][1]
    if not any("exact" in single for _, single in found_as) or all("exact" in single for _, single in found_as):
        return first
    if any(single.get("guard") for _, single in found_as):
        return first
    lone = len(form) > _SHORT + 1 or any(not name.islower() and name[0].islower() for name, _ in found_as)
    return {} if lone else {"case": 1}


def _add_brands(found: SurfaceTable, families: FamilyTable, guards: _Guards) -> None:
    for name in guards.brands:
        key = families.keys.get(squash(name)) or families.keys.get(squash(name.removesuffix(" ransomware"))) or ""
        for form in spellings(name):
            found.add(form, cls="MALW", malware=key, **guards.for_name(form, name, guards.common_malware))


def _techniques(rows: Iterable[GalaxyRow]) -> dict[str, TechniqueEntry]:
    listed = [row for row in rows if row.external_id]
    by_uuid = {row.id: row for row in listed}
    out: dict[str, TechniqueEntry] = {}
    for row in listed:
        successor = next(
            (by_uuid[target].external_id for target, kind in row.related if kind == "revoked-by" and target in by_uuid),
            None,
        )
        if row.external_id and (row.external_id not in out or not successor):
            out[row.external_id] = TechniqueEntry(id=row.external_id, name=row.name, successor=successor)
    return out


def _surfaces(
    overlay: Overlay, actors: ActorTable, families: FamilyTable, techniques: Mapping[str, TechniqueEntry]
) -> tuple[SurfaceTable, dict[str, str], dict[str, Any]]:
    found = SurfaceTable()
    names = overlay.file("guards")
    guards = _Guards(names, overlay.file("actors"))
    words = collect_words(overlay.file("cues_en"))
    add_breaks(found)
    ambiguous = add_ambiguous(found, names)
    add_phrases(found, names)
    add_countries(found, overlay.file("countries"), names)
    add_organs(found, overlay.file("organs"))
    _add_actors(found, actors, guards)
    _add_brands(found, families, guards)
    _add_families(found, families, guards)
    add_places(found, overlay.file("places"), names)
    add_cues(found, overlay.file("cues_en"))
    add_cues(found, overlay.file("cues_ja"))
    add_meanings(
        found, {name: overlay.file(name) for name in ("sectors", "objectives", "techniques")}, words, techniques
    )
    return found, words, ambiguous


def compile_knowledge(clusters: Mapping[str, tuple[GalaxyRow, ...]], overlay: Overlay, version: str) -> Compiled:
    """The knowledge as one value. Raises ConfigError where the overlay cannot be used."""
    actors = build_actors(clusters, overlay.file("actors"))
    families = build_families(clusters, overlay.file("actors"), overlay.file("malware"))
    techniques = _techniques(clusters["mitre-attack-pattern"])
    found, words, ambiguous = _surfaces(overlay, actors, families, techniques)
    letters = assign_letters((overlay.file("cues_en"), overlay.file("cues_ja")))
    roles = [
        *compile_roles(overlay.file("roles_en"), letters, "roles_en"),
        *compile_roles(overlay.file("roles_ja"), letters, "roles_ja"),
    ]
    indicators, summary = overlay.file("indicators"), overlay.file("summary")
    return Compiled(
        version=version,
        rules_hash=overlay.digest(RULE_FILES),
        actors=dict(actors.entries),
        malware=families.entries,
        techniques=techniques,
        surfaces=found.finished(),
        words=words,
        letters=letters,
        roles=tuple(roles),
        beside=tuple(fold(word) for word in strings("cues_en.BESIDE", overlay.file("cues_en")["class"]["BESIDE"])),
        ambiguous=ambiguous,
        benign_domains=strings("indicators.benign_domains", indicators["benign_domains"]),
        benign_addresses=strings("indicators.benign_addresses", indicators["benign_addresses"]),
        top_level_domains=strings("indicators.top_level_domains", indicators["top_level_domains"]),
        not_domains=strings("indicators.not_domains", indicators["not_domains"]),
        implications=tuple(fold(word) for word in strings("summary.implications", summary["implications"])),
        mitigations=tuple(fold(word) for word in strings("summary.mitigations", summary["mitigations"])),
        weak_sectors=tuple(fold(word) for word in strings("sectors.weak", overlay.file("sectors")["weak"])),
        designators=strings("actors.designators.prefixes", overlay.file("actors")["designators"]["prefixes"]),
        family_words=tuple(
            fold(word) for word in strings("malware.family_words", overlay.file("malware")["family_words"])
        ),
        sources={name: len(rows) for name, rows in clusters.items()},
        organisations={
            key: strings(f"sectors.organisation.{key}", words)
            for key, words in table("sectors.organisation", overlay.file("sectors")["organisation"]).items()
            if key != "source"
        },
        bystanding={
            key: strings(f"places.bystanding.{key}", words)
            for key, words in table("places.bystanding", overlay.file("places")["bystanding"]).items()
            if key != "source"
        },
    )
