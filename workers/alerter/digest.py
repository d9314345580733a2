"""Stage one: what the fold needs of a tagged event, and the shard where all events of its story meet. Pure.

An event yields one digest per watch row that it matches and one per surge subject that it counts for; most yield none.
The first matching row leads: alerts of the story are raised in its shard. In the shards of further rows the event only
keeps copies of itself from being taken for something new.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from workers.alerter.rules import AlertRules
from workers.alerter.times import seconds_of
from workers.alerter.urls import canonical_url
from workers.alerter.watching import actor_names
from workers.formats.text_signature import signature_bytes, text_signature
from workers.model import Attacker, Evidence, ItemRef, TaggedEvent, Targets

__all__ = ["Digest", "Purpose", "decode_digest", "digest", "encode_digest", "is_surge", "surge_shard", "watch_shard"]

Purpose: TypeAlias = Literal["lead", "follow", "surge"]


class Digest(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One event as the fold of one shard sees it. `shard` is the key of its record on the internal topic.

    `score` is how sure the tags are that made the event match. `published` and `at` are in seconds since 1970; `at` is
    when the worker made the event, and the only time that the fold goes by.
    """

    shard: str
    purpose: Purpose
    event_id: str
    at: float
    score: float
    item: ItemRef
    published: float | None = None
    owner: str | None = None
    url: str | None = None
    signature: bytes = b""
    attackers: list[Attacker] = []
    targets: Targets = Targets()
    malware: list[str] = []
    vulnerabilities: list[str] = []
    routes: list[str] = []


encode_digest = msgspec.msgpack.Encoder().encode
decode_digest = msgspec.msgpack.Decoder(Digest).decode


def watch_shard(name: str) -> str:
    """The shard of the watch row `name`."""
    return f"watch:{name}"


def surge_shard(kind: Literal["attacker", "sector"], value: str) -> str:
    """The shard in which the rate of an attacker country or a sector is watched."""
    return f"surge:{kind}:{value}"


def is_surge(shard: str) -> bool:
    """Whether the shard only watches a rate."""
    return shard.startswith("surge:")


def digest(event: TaggedEvent, rules: AlertRules) -> tuple[Digest, ...]:
    """The digests of `event`, one per shard it belongs to; none where nothing about it is watched."""
    places = [*_watched(event, rules), *_surging(event, rules)]
    if not places:
        return ()
    whole = _whole(event, rules)
    return tuple(replace(whole, shard=shard, purpose=purpose, score=score) for shard, purpose, score in places)


def _watched(event: TaggedEvent, rules: AlertRules) -> Iterator[tuple[str, Purpose, float]]:
    purpose: Purpose = "lead"
    for watch in rules.watches:
        score = watch.score(event)
        if score is not None:
            yield watch_shard(watch.name), purpose, score
            purpose = "follow"


def _surging(event: TaggedEvent, rules: AlertRules) -> Iterator[tuple[str, Purpose, float]]:
    surge, least = rules.settings.surge, rules.settings.story.minimum_score
    sure = [attacker for attacker in event.attackers if attacker.score >= least]
    if not surge.enabled or not sure:
        return
    for country in dict.fromkeys(a.country for a in sure if a.country in surge.attacker_country):
        yield surge_shard("attacker", str(country)), "surge", max(a.score for a in sure if a.country == country)
    for sector in event.targets.sectors:
        if sector.id in surge.sector and sector.score >= least:
            yield surge_shard("sector", sector.id), "surge", sector.score


def _whole(event: TaggedEvent, rules: AlertRules) -> Digest:
    item = event.item
    return Digest(
        shard="",
        purpose="lead",
        event_id=event.id,
        at=seconds_of(event.provenance.processed_at) or 0.0,
        score=0.0,
        item=replace(item, text_signature=None),
        published=seconds_of(item.published_at),
        owner=rules.owners.owner(item),
        url=canonical_url(item.url),
        signature=signature_bytes(item.text_signature) or _signature_of_excerpt(event),
        attackers=[_attacker(attacker) for attacker in event.attackers],
        targets=_targets(event.targets),
        malware=_malware(event),
        vulnerabilities=sorted({vulnerability.id for vulnerability in event.vulnerabilities}),
        routes=event.routes,
    )


def _signature_of_excerpt(event: TaggedEvent) -> bytes:
    """For events that carry no signature of the full text: older ones, and such as name neither attacker nor target."""
    return text_signature("\n".join([event.item.title or "", *event.summary.activity]))


def _malware(event: TaggedEvent) -> list[str]:
    """Without those that are named like an actor of the event: the same word must not count twice."""
    actors = frozenset().union(*(actor_names(attacker) for attacker in event.attackers))
    return sorted({m.id or m.name.casefold() for m in event.malware if m.name.casefold() not in actors})


def _attacker(attacker: Attacker) -> Attacker:
    """Without its evidence but for the first piece, so that an alert shows why; the rest stands in the event."""
    return replace(
        attacker,
        evidence=_first(attacker.evidence),
        actors=[replace(actor, evidence=[]) for actor in attacker.actors],
        objectives=[replace(objective, evidence=[]) for objective in attacker.objectives],
    )


def _targets(targets: Targets) -> Targets:
    return Targets(
        countries=[replace(country, evidence=[]) for country in targets.countries],
        sectors=[replace(sector, evidence=[]) for sector in targets.sectors],
        organisations=[replace(organisation, evidence=[]) for organisation in targets.organisations],
    )


def _first(evidence: Iterable[Evidence]) -> list[Evidence]:
    return [piece for piece, _ in zip(evidence, range(1), strict=False)]
