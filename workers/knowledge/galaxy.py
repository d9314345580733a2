"""Reads the clusters of the MISP galaxy that the knowledge is made of, through pymispgalaxies. Opens only those files."""

from __future__ import annotations

from typing import Any

import msgspec
import re2
from msgspec import Struct
from pymispgalaxies.api import Cluster, PyMISPGalaxiesError

from workers.errors import ShiraseError

__all__ = [
    "ACTOR_CLUSTERS",
    "CLUSTERS",
    "MALWARE_CLUSTERS",
    "GalaxyRefusedError",
    "GalaxyRow",
    "GalaxyRows",
    "parse_cluster",
    "read_cluster",
]

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
CLUSTERS = (*ACTOR_CLUSTERS, *MALWARE_CLUSTERS, "mitre-attack-pattern")
"""Every cluster that a galaxy must have to be of use."""
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


class GalaxyRefusedError(ShiraseError):
    """A galaxy that cannot be taken. The message says what is wrong with it, and where."""


class _Meta(Struct):
    """What must hold of an entry's `meta`, so that the library can read it; the rest may be anything."""

    synonyms: list[str] = []
    refs: list[str] = []


class _Entry(Struct):
    value: str
    uuid: str | None = None
    description: str | None = None
    meta: _Meta | None = None
    related: list[dict[str, Any]] = []


class _Document(Struct):
    """The shape of a cluster's file that we and the library rely on."""

    name: str
    type: str
    source: str
    authors: list[str]
    description: str
    uuid: str
    category: str
    version: int
    values: list[_Entry]


def parse_cluster(name: str, content: bytes) -> GalaxyRows:
    """The cluster `name` from the bytes of its file. Raises GalaxyRefusedError."""
    try:
        document = msgspec.json.decode(content)
        msgspec.convert(document, _Document)
        cluster = Cluster(document, skip_duplicates=True)
    except msgspec.ValidationError as error:
        raise GalaxyRefusedError(f"{name}.json: {error}, in the shape of a MISP galaxy cluster") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise GalaxyRefusedError(f"{name}.json is no JSON: {error}") from error
    except (PyMISPGalaxiesError, AttributeError, KeyError, TypeError) as error:
        raise GalaxyRefusedError(f"{name}.json: an entry that pymispgalaxies cannot read: {error!r}") from error
    return _rows(cluster)


def read_cluster(name: str) -> GalaxyRows:
    """The cluster `name` as pymispgalaxies ships it (data: MISP project, CC0 or BSD-2-Clause)."""
    return _rows(Cluster(name, skip_duplicates=True))


def _rows(cluster: Any) -> GalaxyRows:
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
