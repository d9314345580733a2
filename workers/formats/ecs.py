"""One event as Elastic Common Schema documents, one per attacker, for indexing as they are. Pure.

Fields and their allowed values: ECS 8.17, https://www.elastic.co/guide/en/ecs/8.17/ecs-threat.html (threat), ecs-event.html,
ecs-vulnerability.html, ecs-related.html beside it, and https://www.elastic.co/docs/reference/ecs/ecs-threat-usage for how
several indicators of one report stand in one `threat.indicator`. A field that holds one value in ECS holds a list where the
report has several, which Elasticsearch indexes alike. What ECS has no field for (country, rank, targets, aims, routes,
provenance) stands under `shirase`, as ECS asks of fields of one's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from workers.formats.moments import utc_milliseconds
from workers.model import Attacker, Indicator, Malware, TaggedEvent, Technique

__all__ = ["ECS_VERSION", "ecs_documents", "render_ecs"]

Fields: TypeAlias = dict[str, Any]

ECS_VERSION = "8.17.0"
_ATTACK = "https://attack.mitre.org"
# Our type of indicator -> ECS's `threat.indicator.type`, the fields below `threat.indicator` and the list under `related`.
_INDICATORS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "domain-name": ("domain-name", ("url", "domain"), "hosts"),
    "onion-address": ("domain-name", ("url", "domain"), "hosts"),
    "url": ("url", ("url", "full"), ""),
    "email-addr": ("email-addr", ("email", "address"), "user"),
    "ipv4-addr": ("ipv4-addr", ("ip",), "ip"),
    "ipv6-addr": ("ipv6-addr", ("ip",), "ip"),
    "file-hash-md5": ("file", ("file", "hash", "md5"), "hash"),
    "file-hash-sha1": ("file", ("file", "hash", "sha1"), "hash"),
    "file-hash-sha256": ("file", ("file", "hash", "sha256"), "hash"),
    "file-path": ("file", ("file", "path"), ""),
    "windows-registry-key": ("windows-registry-key", ("registry", "path"), ""),
}


def render_ecs(event: TaggedEvent) -> bytes:
    """The documents as JSON Lines, each line ended."""
    return b"".join(msgspec.json.encode(document) + b"\n" for document in ecs_documents(event))


def ecs_documents(event: TaggedEvent) -> Iterator[Fields]:
    """One document per attacker; one without `threat.group` where there is none, so that no event is lost."""
    common = _common(event)
    for rank, attacker in enumerate(event.attackers or [None]):
        own = {"event": common["event"] | {"id": f"{event.id}-{rank}"}} if rank else {}
        group = _group(attacker) if attacker else {}
        threat = common["threat"] | ({"group": group} if group else {})
        shirase = common["shirase"] | ({"attacker": _attacker(attacker)} if attacker else {})
        yield common | own | {"threat": threat, "shirase": shirase}


def _common(event: TaggedEvent) -> Fields:
    item = event.item
    return {
        "@timestamp": utc_milliseconds(item.published_at) or event.provenance.processed_at,
        "ecs": {"version": ECS_VERSION},
        "message": event.summary.title or item.title or item.id,
        "tags": event.routes,
        "event": _event(event),
        "threat": _threat(event),
        "shirase": _shirase(event),
    } | _kept({"related": _related(event.indicators), "vulnerability": _vulnerability(event)})


def _event(event: TaggedEvent) -> Fields:
    item = event.item
    return _kept(
        {
            "id": event.id,
            "kind": "enrichment",
            "category": ["threat"],
            "type": ["indicator" if event.indicators else "info"],
            "module": "shirase",
            "dataset": "shirase.tagged",
            "provider": item.source.name if item.source else None,
            "reference": item.url,
            "hash": item.content_sha256,
            "created": event.provenance.processed_at,
        }
    )


def _threat(event: TaggedEvent) -> Fields:
    source = event.item.source
    return _kept(
        {
            "framework": "MITRE ATT&CK" if event.techniques else None,
            "feed": _kept({"name": source.name, "reference": source.url}) if source else None,
            "technique": _technique(event.techniques),
            "software": _software(event.malware),
            "indicator": _indicator(event),
        }
    )


def _group(attacker: Attacker) -> Fields:
    """The attacker's groups; nothing where only a country is blamed."""
    actors = attacker.actors
    ids = [actor.attack_id for actor in actors if actor.attack_id]
    aliases = [actor.alias for actor in actors if actor.alias != actor.name]
    return _kept(
        {
            "name": _one_or_all(actor.name for actor in actors),
            "alias": list(dict.fromkeys((*aliases, *(name for actor in actors for name in actor.candidates)))),
            "id": _one_or_all(actor.attack_id or actor.id or "" for actor in actors),
            "reference": _one_or_all(f"{_ATTACK}/groups/{identifier}/" for identifier in ids),
        }
    )


def _technique(techniques: Iterable[Technique]) -> Fields:
    """ECS parts a technique from its sub-technique; the parent of a sub-technique stands with its id alone."""
    rows = list(techniques)
    parents = [row for row in rows if "." not in row.id]
    parts = [row for row in rows if "." in row.id]
    own = list(dict.fromkeys(row.id.partition(".")[0] for row in rows))
    return _kept(
        {
            "id": own,
            "name": [row.name for row in parents if row.name],
            "reference": [f"{_ATTACK}/techniques/{identifier}/" for identifier in own],
            "subtechnique": _kept(
                {
                    "id": [row.id for row in parts],
                    "name": [row.name for row in parts if row.name],
                    "reference": [f"{_ATTACK}/techniques/{row.id.replace('.', '/')}/" for row in parts],
                }
            ),
        }
    )


def _software(malware: Iterable[Malware]) -> Fields:
    rows = list(malware)
    return _kept(
        {
            "name": _one_or_all(row.name for row in rows),
            "id": _one_or_all(row.id or "" for row in rows),
            "type": _one_or_all("Tool" if row.kind == "tool" else "Malware" for row in rows),
        }
    )


def _indicator(event: TaggedEvent) -> Fields:
    """All indicators of the report in one object, each field with all its values."""
    out: Fields = {}
    kinds: dict[str, None] = {}
    for row in event.indicators:
        if row.type in _INDICATORS:
            kind, path, _ = _INDICATORS[row.type]
            kinds[kind] = None
            _add(out, path, row.value)
    if not out:
        return {}
    item = event.item
    about = {
        "type": list(kinds),
        "confidence": "Not Specified",
        "provider": item.source.name if item.source else None,
        "reference": item.url,
        "marking": {"tlp": item.tlp} if item.tlp else None,
    }
    return out | _kept(about)


def _add(into: Fields, path: tuple[str, ...], value: str) -> None:
    for name in path[:-1]:
        into = into.setdefault(name, {})
    values = into.setdefault(path[-1], [])
    if value not in values:
        values.append(value)


def _related(indicators: Iterable[Indicator]) -> Fields:
    out: Fields = {}
    for row in indicators:
        name = _INDICATORS[row.type][2] if row.type in _INDICATORS else ""
        if name:
            _add(out, (name,), row.value)
    return out


def _vulnerability(event: TaggedEvent) -> Fields:
    ids = [row.id for row in event.vulnerabilities]
    return _kept({"id": _one_or_all(ids), "enumeration": "CVE"}) if ids else {}


def _attacker(attacker: Attacker) -> Fields:
    return {
        "country": attacker.country,
        "rank": attacker.rank,
        "kind": attacker.kind,
        "stance": attacker.stance,
        "score": attacker.score,
        "objectives": [objective.id for objective in attacker.objectives],
        "quotes": list(dict.fromkeys(row.quote for row in attacker.evidence)),
    }


def _shirase(event: TaggedEvent) -> Fields:
    targets, item = event.targets, event.item
    wallets = [row.value for row in event.indicators if row.type not in _INDICATORS]
    return {
        "schema": event.schema,
        "item": {"id": item.id, "language": item.language, "tlp": item.tlp},
        "analysed": event.analysed,
        "target": {
            "countries": [row.code for row in targets.countries],
            "sectors": [row.id for row in targets.sectors],
            "subsectors": [sub for row in targets.sectors for sub in row.sub],
            "organisations": [row.name for row in targets.organisations],
        },
        "other_indicators": wallets,
        "summary": event.summary,
        "provenance": event.provenance,
    }


def _kept(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def _one_or_all(values: Iterable[str]) -> str | list[str] | None:
    found = list(dict.fromkeys(value for value in values if value))
    if not found:
        return None
    return found[0] if len(found) == 1 else found
