"""Reads the clusters of the MISP galaxy that the knowledge is made of, through pymispgalaxies. Opens only those files."""

from __future__ import annotations

import re2
from msgspec import Struct
from pymispgalaxies.api import Cluster

__all__ = ["ACTOR_CLUSTERS", "MALWARE_CLUSTERS", "GalaxyRow", "GalaxyRows", "read_cluster"]

ACTOR_CLUSTERS = ("threat-actor", "mitre-intrusion-set", "microsoft-activity-group")
MALWARE_CLUSTERS = (
    "mitre-malware",
    "mitre-tool",
    "malpedia",
    "tool",
    "rat",
    "botnet",
    "backdoor",
    "stealer",
    "banker",
    "android",
    "exploit-kit",
    "ransomware",
)
_EXTERNAL_ID = re2.compile(r"^(.*) - ([GST]\d{4}(?:\.\d{3})?)$")


class GalaxyRow(Struct, frozen=True, kw_only=True):
    """One entry of a cluster, in plain types."""

    id: str
    name: str
    external_id: str | None
    description: str
    synonyms: tuple[str, ...]
    country: str
    sponsor: str
    refs: tuple[str, ...]
    victims: tuple[str, ...]
    sectors: tuple[str, ...]
    related: tuple[tuple[str, str], ...]


class GalaxyRows(Struct, frozen=True):
    """A cluster's version and entries."""

    version: int
    entries: tuple[GalaxyRow, ...]


def read_cluster(name: str) -> GalaxyRows:
    """The cluster `name` as pymispgalaxies ships it (data: MISP project, CC0 or BSD-2-Clause)."""
    cluster = Cluster(name, skip_duplicates=True)
    return GalaxyRows(int(cluster.version), tuple(_row(value) for value in cluster.values()))


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(sorted(str(entry) for entry in value)) if isinstance(value, list | set | tuple) else ()


def _row(value: object) -> GalaxyRow:
    meta = getattr(value, "meta", None)
    extra = getattr(meta, "additional_properties", None) or {}
    name = str(getattr(value, "value", ""))
    split = _EXTERNAL_ID.match(name)
    country = getattr(meta, "country", None)
    return GalaxyRow(
        id=str(getattr(value, "uuid", "") or ""),
        name=split.group(1) if split else name,
        external_id=split.group(2) if split else extra.get("external_id"),
        description=str(getattr(value, "description", None) or ""),
        synonyms=_texts(getattr(meta, "synonyms", None) or ()),
        country=country if isinstance(country, str) else "",
        sponsor=str(extra.get("cfr-suspected-state-sponsor") or ""),
        refs=_texts(getattr(meta, "refs", None) or ())[:8],
        victims=_texts(extra.get("cfr-suspected-victims")),
        sectors=_texts(extra.get("targeted-sector") or extra.get("cfr-target-category")),
        related=tuple(
            (str(link.get("dest-uuid", "")), str(link.get("type", "")))
            for link in getattr(value, "related", None) or ()
        ),
    )
