"""One event as a STIX 2.1 bundle, checked by the `stix2` library before it is written. Pure.

Source of types, vocabularies and relationships: https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html ;
TLP 2.0 markings: https://github.com/oasis-open/cti-stix-common-objects (extension-definition--60a3c5c5…).

The same event gives the same bytes. Ids are UUIDs of version 5 in a namespace of our own: what many reports share (a
country, a sector, a technique, a family, a weakness) has one id everywhere and never changes; what is this report's reading
(attackers, relationships, indicators, the report) has ids under the event's. Targets are tied to every attacker, as the event
does; families and techniques only where one attacker stands alone, for with two nobody said whose they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import stix2

from workers.formats.ids import STIX_NAMESPACE, fast_uuid5
from workers.formats.moments import utc_milliseconds
from workers.formats.stix_pattern import pattern_of
from workers.model import ActorMatch, Attacker, TaggedEvent, Tlp

__all__ = ["render_stix"]

Fields: TypeAlias = dict[str, Any]
_Ends: TypeAlias = tuple[tuple[str, int], ...]

_SHARED_SINCE = "2026-01-01T00:00:00.000Z"
_TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
_TLP_IDS: Mapping[Tlp, str] = {
    Tlp.CLEAR: "94868c89-83c2-464b-929b-a1a8aa3c8487",
    Tlp.GREEN: "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    Tlp.AMBER: "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    Tlp.AMBER_STRICT: "939a9414-2ddd-4d32-a0cd-375ea402b003",
    Tlp.RED: "e828b379-4e03-4974-9ac4-e53a884c97c1",
}
_KIND_NAMES = {"state": "State actor", "state-linked": "State-linked actor", "non-state": "Non-state actor"}
_STATE_KINDS = frozenset(("state", "state-linked"))


def render_stix(event: TaggedEvent) -> bytes:
    """The bundle on one line, without its newline."""
    bundle = stix2.parse(_Bundle(event).content())
    return str(bundle.serialize()).encode("utf-8", "replace")


class _Bundle:
    """Gathers the objects of one event; an object that two parts need stands once."""

    def __init__(self, event: TaggedEvent) -> None:
        self._event = event
        self._objects: dict[str, Fields] = {}
        self._made = utc_milliseconds(event.provenance.processed_at) or _SHARED_SINCE
        self._published = utc_milliseconds(event.item.published_at) or self._made
        self._creator = self._id("identity", "creator")
        self._shared("identity", ("creator",), name="shirase", identity_class="system")
        self._marking = self._tlp_marking()

    def content(self) -> Fields:
        """The bundle as plain data."""
        self._report(self._parts())
        return {
            "type": "bundle",
            "id": self._id("bundle", self._event.id),
            "objects": list(self._objects.values()),
        }

    def _parts(self) -> list[str]:
        """Everything but the report, which refers to all of it."""
        event = self._event
        blamed = [self._attacker(attacker) for attacker in event.attackers]
        alone = blamed[0] if len(blamed) == 1 else ()
        targets = tuple(self._targets())
        for ends in blamed:
            self._relate("targets", ends, targets)
        used = (*self._malware(), *self._techniques())
        self._relate("uses", alone, tuple((ref, 100) for ref in used))
        for vulnerability in event.vulnerabilities:
            self._vulnerability(vulnerability.id)
        marks = tuple((ref, 100) for ref in self._indicators())
        self._relate("indicates", marks, alone)
        return [ref for ref in self._objects if ref != self._marking]

    @staticmethod
    def _id(kind: str, *parts: str) -> str:
        return f"{kind}--{fast_uuid5(STIX_NAMESPACE, chr(10).join((kind, *parts)))}"

    def _shared(self, kind: str, key: Sequence[str], **fields: Any) -> str:
        """An object that is the same in every bundle: nothing of this report may be in it."""
        ref = self._id(kind, *key)
        by = {} if ref == self._creator else {"created_by_ref": self._creator}
        times = {"created": _SHARED_SINCE, "modified": _SHARED_SINCE}
        self._objects.setdefault(ref, _head(kind, ref) | by | times | _kept(fields))
        return ref

    def _own(self, kind: str, key: Sequence[str], **fields: Any) -> str:
        """An object of this report, under the report's marking."""
        ref = self._id(kind, self._event.id, *key)
        self._objects.setdefault(ref, _head(kind, ref) | self._context(self._made) | _kept(fields))
        return ref

    def _context(self, created: str) -> Fields:
        marking = {"object_marking_refs": [self._marking]} if self._marking else {}
        return {"created_by_ref": self._creator, "created": created, "modified": self._made} | marking

    def _tlp_marking(self) -> str:
        """The marking of TLP 2.0; empty where the level is not known, for that is not CLEAR."""
        level = self._event.item.tlp
        if level is None:
            return ""
        ref = f"marking-definition--{_TLP_IDS[level]}"
        extension = {"extension_type": "property-extension", "tlp_2_0": level.lower()}
        self._objects[ref] = _head("marking-definition", ref) | {
            "created": "2022-10-01T00:00:00.000Z",
            "name": f"TLP:{level}",
            "extensions": {_TLP_EXTENSION: extension},
        }
        return ref

    def _attacker(self, attacker: Attacker) -> _Ends:
        """The objects of one attacker; what acts is the country's actor, or the groups where no country is known."""
        sets = tuple((self._intrusion_set(actor), _percent(actor.score)) for actor in attacker.actors)
        if attacker.country is None:
            return sets
        state = attacker.kind in _STATE_KINDS
        actor = self._own(
            "threat-actor",
            (attacker.country,),
            name=f"{_KIND_NAMES.get(attacker.kind, 'Actor')} ({attacker.country})",
            description=_quotes(row.quote for row in attacker.evidence),
            threat_actor_types=["nation-state" if state else "unknown"],
            goals=[objective.id for objective in attacker.objectives],
            confidence=_percent(attacker.score),
            labels=[attacker.rank, attacker.stance, attacker.kind],
        )
        acting = ((actor, _percent(attacker.score)),)
        self._relate("located-at", acting, ((self._location(attacker.country), 100),))
        self._relate("attributed-to", sets, acting)
        return acting

    def _intrusion_set(self, actor: ActorMatch) -> str:
        """A named group: one id in every bundle; the aliases are those that the report has."""
        ref = self._id("intrusion-set", actor.id or actor.name.casefold())
        fields = {
            "name": actor.name or actor.alias,
            "aliases": [actor.alias] if actor.alias and actor.alias != actor.name else [],
            "description": f"One of: {', '.join(actor.candidates)}" if actor.candidates else None,
            "external_references": [*_attack_reference("groups", actor.attack_id), *_galaxy_reference(actor.id)],
        }
        head = _head("intrusion-set", ref) | self._context(min(_SHARED_SINCE, self._made))
        self._objects.setdefault(ref, head | _kept(fields))
        return ref

    def _location(self, code: str) -> str:
        return self._shared("location", (code,), name=code, country=code)

    def _targets(self) -> Iterator[tuple[str, int]]:
        targets = self._event.targets
        for country in targets.countries:
            yield self._location(country.code), _percent(country.score)
        for sector in targets.sectors:
            for label in (sector.id, *(f"{sector.id}: {sub}" for sub in sector.sub)):
                ref = self._shared(
                    "identity", ("sector", label), name=label, identity_class="class", sectors=[sector.id]
                )
                yield ref, _percent(sector.score)
        for row in targets.organisations:
            sectors = [row.sector] if row.sector else []
            ref = self._own(
                "identity", ("organisation", row.name), name=row.name, identity_class="organization", sectors=sectors
            )
            yield ref, 100
            if row.country:
                self._relate("located-at", ((ref, 100),), ((self._location(row.country), 100),))

    def _malware(self) -> list[str]:
        refs = []
        for row in self._event.malware:
            kind, family = ("tool", None) if row.kind == "tool" else ("malware", True)
            references = _galaxy_reference(row.id)
            key = row.id or row.name.casefold()
            refs.append(self._shared(kind, (key,), name=row.name, is_family=family, external_references=references))
        return refs

    def _techniques(self) -> list[str]:
        return [
            self._shared(
                "attack-pattern",
                (row.id,),
                name=row.name or row.id,
                external_references=_attack_reference("techniques", row.id),
            )
            for row in self._event.techniques
        ]

    def _vulnerability(self, cve: str) -> None:
        reference = {"source_name": "cve", "external_id": cve}
        self._shared("vulnerability", (cve,), name=cve, external_references=[reference])

    def _indicators(self) -> list[str]:
        refs = []
        for row in self._event.indicators:
            pattern = pattern_of(row.type, row.value)
            if pattern is None:
                continue
            refs.append(
                self._own(
                    "indicator",
                    (row.type, row.value),
                    name=row.value,
                    description=f"As written: {row.as_written}",
                    indicator_types=["malicious-activity"],
                    pattern=pattern,
                    pattern_type="stix",
                    valid_from=self._published,
                )
            )
        return refs

    def _relate(self, kind: str, sources: _Ends, targets: _Ends) -> None:
        """A relationship from each to each, as sure as the less sure end."""
        for source, surely in sources:
            for target, sure in targets:
                self._own(
                    "relationship", (kind, source, target), relationship_type=kind, source_ref=source,
                    target_ref=target, confidence=min(surely, sure),
                )  # fmt: skip

    def _report(self, refs: Sequence[str]) -> None:
        item, attackers = self._event.item, self._event.attackers
        name = item.source.name if item.source else None
        page = [{"source_name": name or "source", "url": item.url}] if item.url else []
        self._own(
            "report",
            ("report",),
            name=self._event.summary.title or item.title or item.id,
            description="\n".join(self._event.summary.activity),
            report_types=["threat-report"],
            published=self._published,
            object_refs=list(refs),
            confidence=_percent(attackers[0].score) if attackers else None,
            labels=sorted(self._event.routes),
            external_references=[*page, {"source_name": "shirase", "external_id": self._event.id}],
        )


def _head(kind: str, ref: str) -> Fields:
    return {"type": kind, "spec_version": "2.1", "id": ref}


def _kept(fields: Mapping[str, Any]) -> Fields:
    """STIX has neither nulls nor empty lists; an empty description says nothing."""
    return {name: value for name, value in fields.items() if value not in (None, "", [])}


def _percent(score: float) -> int:
    return round(score * 100)


def _quotes(quotes: Iterable[str]) -> str:
    return " ".join(f"“{quote}”" for quote in dict.fromkeys(quotes))


def _attack_reference(part: str, identifier: str | None) -> list[Fields]:
    if not identifier:
        return []
    url = f"https://attack.mitre.org/{part}/{identifier.replace('.', '/')}/"
    return [{"source_name": "mitre-attack", "external_id": identifier, "url": url}]


def _galaxy_reference(identifier: str | None) -> list[Fields]:
    return [{"source_name": "misp-galaxy", "external_id": identifier}] if identifier else []
