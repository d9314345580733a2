"""Makes one list of malware families and tools from the galaxy's clusters and the overlay. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import re2
from msgspec.structs import replace

from workers.knowledge.entries import MalwareEntry
from workers.knowledge.galaxy import MALWARE_CLUSTERS, GalaxyRow
from workers.knowledge.overlay import rows, strings
from workers.knowledge.spelling import squash

__all__ = ["FamilyTable", "build_families"]

_PARENTHESES = re2.compile(r"\s*\([^()]*\)")
_RANSOM_TAIL = re2.compile(r"(?i)\s+ransomware$")
_NAME_MINIMUM = 3


class FamilyTable:
    """Families by key, for each key its names, and the keys that only the ransomware cluster knows."""

    def __init__(self) -> None:
        self.entries: dict[str, MalwareEntry] = {}
        self.names: dict[str, list[str]] = {}
        self.keys: dict[str, str] = {}
        self.weak: set[str] = set()

    def add(self, entry: MalwareEntry, names: Iterable[str], *, weak: bool) -> None:
        """Adds a family, or its names to the family that already has one of them."""
        spelled = [name for name in names if len(squash(name)) >= _NAME_MINIMUM]
        if not spelled:
            return
        key = self.keys.get(squash(entry.name)) or squash(entry.name)
        if key not in self.entries:
            self.entries[key] = entry
            if weak:
                self.weak.add(key)
        elif entry.ransomware and not self.entries[key].ransomware:
            self.entries[key] = replace(
                self.entries[key], ransomware=True, brand=self.entries[key].brand or entry.brand
            )
        for name in spelled:
            if self.keys.setdefault(squash(name), key) == key:
                self.names.setdefault(key, []).append(name)


def _names(row: GalaxyRow) -> list[str]:
    out = []
    for name in (row.name, *row.synonyms):
        plain = _PARENTHESES.sub("", name).strip()
        out += [plain, _RANSOM_TAIL.sub("", plain)]
    return list(dict.fromkeys(name for name in out if name))


def build_families(
    clusters: Mapping[str, Iterable[GalaxyRow]], actors: Mapping[str, Any], overlay: Mapping[str, Any]
) -> FamilyTable:
    """The families of the clusters and of the overlay. Raises ConfigError where the overlay's shape is wrong."""
    sponsors = {
        squash(name): str(row["country"])
        for row in rows("actors.malware_sponsor", actors.get("malware_sponsor"))
        for name in strings("actors.malware_sponsor.names", row["names"])
    }
    listed = strings("actors.ransomware_brands.names", actors["ransomware_brands"]["names"])
    brands = {squash(_RANSOM_TAIL.sub("", name)) for name in listed}
    found = FamilyTable()
    for cluster in MALWARE_CLUSTERS:
        for row in clusters[cluster]:
            names = _names(row)
            sponsor = next((sponsors[squash(name)] for name in names if squash(name) in sponsors), None)
            entry = MalwareEntry(
                id=row.id, name=_RANSOM_TAIL.sub("", names[0]), kind="tool" if cluster == "mitre-tool" else "malware", sponsor=sponsor,
                ransomware=cluster == "ransomware", brand=any(squash(name) in brands for name in names),
            )  # fmt: skip
            found.add(entry, names, weak=cluster == "ransomware")
    for name in listed:
        brand = MalwareEntry(id=None, name=_RANSOM_TAIL.sub("", name), ransomware=True, brand=True)
        found.add(brand, (brand.name,), weak=False)
    for extra in rows("malware.malware", overlay.get("malware")):
        name = str(extra["name"])
        kind = "tool" if extra.get("kind") == "tool" else "malware"
        entry = MalwareEntry(
            id=None, name=name, kind="tool" if kind == "tool" else "malware", sponsor=sponsors.get(squash(name))
        )
        found.add(entry, (name, *strings("malware.names", extra["names"])), weak=False)
    return found
