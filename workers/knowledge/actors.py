"""Makes one list of actors from three clusters and the overlay, and says which aliases name whom. Pure.

An entry of `mitre-intrusion-set` or `microsoft-activity-group` joins the `threat-actor` entry that it is related to or
shares most names with; without one it stands for itself. The overlay adds names and, where the galaxy names none, the sponsor.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, cast

import re2

from workers.knowledge.entries import ActorEntry, ActorKind
from workers.knowledge.galaxy import GalaxyRow
from workers.knowledge.overlay import rows, strings
from workers.knowledge.spelling import squash
from workers.knowledge.tooling import tools_by_actor

__all__ = ["ActorTable", "build_actors"]

_NAMESPACE = uuid.UUID("6f4c3f0e-5f0a-5d3e-9a63-0c6a2b1c7d11")
_SPONSOR_NAMES = {
    "china": "CN",
    "people's republic of china": "CN",
    "iran (islamic republic of)": "IR",
    "russian federation": "RU",
    "korea (democratic people's republic of)": "KP",
    "korea (republic of)": "KR",
    "united states": "US",
    "us": "US",
    "palestine": "PS",
    "pakistan": "PK",
    "india": "IN",
    "belarus": "BY",
    "france": "FR",
    "united arab emirates": "AE",
    "vietnam": "VN",
    "spain": "ES",
    "israel": "IL",
    "lebanon": "LB",
}
_DESCRIBED = re2.compile(
    r"(?i)\b(china|chinese|prc|iran|iranian|russia|russian|north korea|north korean|dprk|vietnam|vietnamese|pakistan|pakistani"
    r"|india|indian|israel|israeli|belarus|belarusian|turkey|turkish|lebanese|south korea|south korean)"
    r"(?:'s)?(?: |-)(?:state|based|nexus|linked|aligned|backed|sponsored|affiliated|government|cyber|threat|apt|espionage|"
    r"hack|group|actor|advanced|ministry|military|intelligence)"
)
_DESCRIBED_CODES = {
    "china": "CN", "chinese": "CN", "prc": "CN", "iran": "IR", "iranian": "IR", "russia": "RU", "russian": "RU",
    "north korea": "KP", "north korean": "KP", "dprk": "KP", "vietnam": "VN", "vietnamese": "VN", "pakistan": "PK",
    "pakistani": "PK", "india": "IN", "indian": "IN", "israel": "IL", "israeli": "IL", "belarus": "BY", "belarusian": "BY",
    "turkey": "TR", "turkish": "TR", "lebanese": "LB", "south korea": "KR", "south korean": "KR",
}  # fmt: skip
_CRIMINAL = re2.compile(r"(?i)financially[- ]motivated|cyber ?crim|ransomware|hacktivis|criminal group|extortion")
_STATE = re2.compile(
    r"(?i)state-sponsored|state sponsored|nation[- ]state|government-backed|military unit|ministry of|intelligence (?:service|agency)"
)
_DESCRIPTION_HEAD = 400


class _Draft:
    """An actor while it is put together."""

    def __init__(self, row: GalaxyRow) -> None:
        self.id = row.id
        self.ids = [row.id]
        self.name = row.name
        self.names = [row.name, *row.synonyms]
        self.attack_id = row.external_id if (row.external_id or "").startswith("G") else None
        self.country = _country_of(row)
        self.kind = _kind_of(row, self.country)
        self.refs = row.refs
        self.targets = row.victims
        self.sectors = row.sectors

    def absorb(self, row: GalaxyRow) -> None:
        """Takes over what `row` adds."""
        self.ids.append(row.id)
        self.names += [row.name, *row.synonyms]
        self.attack_id = self.attack_id or (row.external_id if (row.external_id or "").startswith("G") else None)
        country = _country_of(row)
        if not self.country and country:
            self.country = country
            self.kind = _kind_of(row, country)

    def freeze(self, tools: Mapping[str, tuple[str, ...]]) -> ActorEntry:
        """The finished entry. `tools`: see `tools_by_actor`."""
        used = dict.fromkeys(tool for entry_id in self.ids for tool in tools.get(entry_id, ()))
        return ActorEntry(
            id=self.id,
            name=self.name,
            aliases=tuple(dict.fromkeys(name for name in self.names if name != self.name)),
            attack_id=self.attack_id,
            country=self.country or None,
            kind=self.kind,
            refs=self.refs,
            targets=self.targets,
            sectors=self.sectors,
            tools=tuple(sorted(used, key=str.casefold)),
        )


class ActorTable:
    """The actors by id, and for each alias (squashed) the ids that it can mean."""

    def __init__(self, entries: Mapping[str, ActorEntry], owners: Mapping[str, tuple[str, ...]]) -> None:
        self.entries = entries
        self.owners = owners


def _country_of(row: GalaxyRow) -> str:
    if len(row.country) == 2:
        return row.country.upper()
    named = _SPONSOR_NAMES.get(row.sponsor.strip().lower(), "")
    if named:
        return named
    found = _DESCRIBED.search(row.description[:_DESCRIPTION_HEAD])
    return _DESCRIBED_CODES[found.group(1).lower()] if found else ""


def _kind_of(row: GalaxyRow, country: str) -> ActorKind:
    head = row.description[:_DESCRIPTION_HEAD]
    if _CRIMINAL.search(head) and not _STATE.search(head):
        return "non-state"
    if row.sponsor in {"", "Unknown"} and not _STATE.search(head):
        return "state-linked" if country else "unknown"
    return "state" if country else "unknown"


def _link(drafts: list[_Draft], by_id: Mapping[str, _Draft], others: Iterable[GalaxyRow]) -> list[_Draft]:
    keys: dict[str, list[_Draft]] = {}
    primary: dict[str, _Draft] = {}
    for draft in drafts:
        primary.setdefault(squash(draft.name), draft)
        for name in draft.names:
            keys.setdefault(squash(name), []).append(draft)
    alone: list[_Draft] = []
    for row in others:
        partner = primary.get(squash(row.name)) or _related(row, by_id) or _most_shared(row, keys)
        if partner:
            partner.absorb(row)
        else:
            alone.append(_Draft(row))
    return alone


def _related(row: GalaxyRow, by_id: Mapping[str, _Draft]) -> _Draft | None:
    for target, kind in row.related:
        if kind == "similar" and target in by_id:
            return by_id[target]
    return None


def _most_shared(row: GalaxyRow, keys: Mapping[str, list[_Draft]]) -> _Draft | None:
    votes: dict[str, int] = {}
    drafts: dict[str, _Draft] = {}
    for name in {squash(name) for name in (row.name, *row.synonyms)}:
        for draft in keys.get(name, ()):
            votes[draft.id] = votes.get(draft.id, 0) + 1
            drafts[draft.id] = draft
    if not votes:
        return None
    best = max(votes, key=lambda key: (votes[key], key))
    return drafts[best]


def _overlay_draft(row: Mapping[str, Any], name: str) -> _Draft:
    blank = GalaxyRow(
        id=str(uuid.uuid5(_NAMESPACE, name)), name=name, external_id=None, description="", synonyms=(), country="",
        sponsor="", refs=(), victims=(), sectors=(), related=(),
    )  # fmt: skip
    draft = _Draft(blank)
    draft.refs = (str(row.get("source", "")),)
    return draft


class _Index:
    """Drafts by their own name and by any name."""

    def __init__(self, drafts: Iterable[_Draft]) -> None:
        self.drafts = list(drafts)
        self.primary: dict[str, _Draft] = {}
        self.curated: dict[str, _Draft] = {}
        for draft in self.drafts:
            self.primary.setdefault(squash(draft.name), draft)

    def add(self, draft: _Draft) -> _Draft:
        self.drafts.append(draft)
        self.primary[squash(draft.name)] = draft
        return draft


def _apply_row(index: _Index, row: Mapping[str, Any]) -> None:
    name = str(row["name"])
    aliases = strings(f"actors.{name}.aliases", row.get("aliases", []))
    if row.get("separate"):
        for single in (name, *aliases):
            _apply_row(index, {**row, "name": single, "aliases": [], "separate": False})
        return
    draft = index.primary.get(squash(name)) or index.add(_overlay_draft(row, name))
    _stamp(draft, row)
    index.curated[squash(name)] = draft
    for alias in aliases:
        other = index.primary.get(squash(alias))
        if other and other is not draft:
            _stamp(other, {key: row[key] for key in ("country", "kind") if key in row})
            continue
        draft.names.append(alias)
        index.curated[squash(alias)] = draft


def _stamp(draft: _Draft, row: Mapping[str, Any]) -> None:
    if row.get("country"):
        draft.country = str(row["country"])
    if row.get("kind"):
        draft.kind = cast("ActorKind", str(row["kind"]))
    draft.attack_id = draft.attack_id or (str(row["attack_id"]) if row.get("attack_id") else None)


def _tools_only(overlay: Mapping[str, Any]) -> frozenset[str]:
    """Names that the galaxy gives to an actor and that everybody means a tool by."""
    listed = overlay.get("tools_only") or {}
    return frozenset(squash(name) for name in strings("actors.tools_only.names", listed.get("names", [])))


def build_actors(clusters: Mapping[str, Iterable[GalaxyRow]], overlay: Mapping[str, Any]) -> ActorTable:
    """The actors of the clusters and the overlay. Raises ConfigError where the overlay's shape is wrong."""
    drafts = [_Draft(row) for row in clusters["threat-actor"] if not row.name.startswith("[")]
    by_id = {draft.id: draft for draft in drafts}
    for cluster in ("mitre-intrusion-set", "microsoft-activity-group"):
        drafts += _link(drafts, by_id, clusters[cluster])
    index = _Index(drafts)
    for row in rows("actors.actor", overlay.get("actor")):
        _apply_row(index, row)
    owners: dict[str, dict[str, None]] = {}
    tools_only = _tools_only(overlay)
    for draft in index.drafts:
        for name in draft.names:
            if squash(name) not in tools_only:
                owners.setdefault(squash(name), {})[draft.id] = None
    settled = {key: (draft.id,) for key, draft in index.primary.items()}
    settled |= {key: (draft.id,) for key, draft in index.curated.items()}
    final = {key: settled.get(key, tuple(ids)) for key, ids in owners.items()}
    tools = tools_by_actor(clusters)
    return ActorTable({draft.id: draft.freeze(tools) for draft in index.drafts}, final)
