"""Tagged events for tests: one built by hand, and any that the types allow."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from workers.model import (
    ANALYSED_ALL,
    ActorMatch,
    Attacker,
    Evidence,
    Indicator,
    ItemRef,
    Malware,
    Mentions,
    Objective,
    Organisation,
    Provenance,
    Sector,
    Source,
    Summary,
    TaggedEvent,
    TargetCountry,
    Targets,
    Technique,
    Tlp,
    Vulnerability,
)

__all__ = ["event_of", "tagged_events"]

_TEXTS = st.text(max_size=20)
_NAMES = st.text(min_size=1, max_size=20)
_SCORES = st.floats(0, 1)
_COUNTRIES = st.sampled_from(("CN", "KP", "JP", "US"))
_KINDS = (
    "domain-name", "onion-address", "url", "email-addr", "ipv4-addr", "file-hash-md5", "file-hash-sha1",
    "file-hash-sha256", "file-path", "windows-registry-key", "cryptocurrency-wallet", "something-new",
)  # fmt: skip


def event_of(**parts: Any) -> TaggedEvent:
    """An event in which nothing was found, with `parts` put in."""
    empty: dict[str, Any] = {
        "id": "5f0c9f0e-7d0a-5d43-9d2c-1c6a0a0b7f11",
        "item": ItemRef(id="item-1", content_sha256="ab" * 32, title="A title"),
        "analysed": list(ANALYSED_ALL),
        "provenance": Provenance(worker="1", rules="r", knowledge="k", processed_at="2026-05-02T10:00:00Z"),
        "targets": Targets(),
        "mentions": Mentions(),
        "summary": Summary(),
    }
    lists = ("attackers", "malware", "techniques", "vulnerabilities", "indicators", "lookups", "routes")
    return TaggedEvent(**(empty | {name: [] for name in lists} | parts))


def _evidence() -> st.SearchStrategy[Evidence]:
    return st.builds(Evidence, field=st.just("body"), start=st.just(0), end=st.just(4), quote=_TEXTS, rule=_NAMES)


def _actors() -> st.SearchStrategy[ActorMatch]:
    return st.builds(
        ActorMatch, name=_NAMES, alias=_NAMES, score=_SCORES, id=st.none() | st.uuids().map(str),
        attack_id=st.none() | st.just("G0006"), candidates=st.lists(_NAMES, max_size=2), evidence=st.just([]),
    )  # fmt: skip


def _attackers() -> st.SearchStrategy[Attacker]:
    return st.builds(
        Attacker, country=st.none() | _COUNTRIES, rank=st.sampled_from(("primary", "secondary")),
        kind=st.sampled_from(("state", "state-linked", "non-state", "unknown")), score=_SCORES,
        stance=st.sampled_from(("asserted", "suspected")), actors=st.lists(_actors(), max_size=2),
        objectives=st.lists(
            st.builds(Objective, id=st.sampled_from(("espionage", "ip-theft")), score=_SCORES, evidence=st.just([])),
            max_size=2,
        ),
        evidence=st.lists(_evidence(), max_size=2),
    )  # fmt: skip


def _targets() -> st.SearchStrategy[Targets]:
    return st.builds(
        Targets,
        countries=st.lists(
            st.builds(TargetCountry, code=_COUNTRIES, score=_SCORES, evidence=st.just([])), max_size=2
        ),
        sectors=st.lists(
            st.builds(
                Sector, id=st.sampled_from(("technology", "media")), score=_SCORES,
                sub=st.lists(_NAMES, max_size=2), evidence=st.just([]),
            ),
            max_size=2,
        ),
        organisations=st.lists(
            st.builds(
                Organisation, name=_NAMES, country=st.none() | _COUNTRIES,
                sector=st.none() | st.just("technology"), evidence=st.just([]),
            ),
            max_size=2,
        ),
    )  # fmt: skip


def _items() -> st.SearchStrategy[ItemRef]:
    return st.builds(
        ItemRef, id=_NAMES, content_sha256=st.just("ab" * 32), title=st.none() | _TEXTS, url=st.none() | _TEXTS,
        language=st.none() | _TEXTS, published_at=st.none() | _TEXTS | st.datetimes().map(lambda when: when.isoformat()),
        source=st.none() | st.builds(Source, name=st.none() | _TEXTS, url=st.none() | _TEXTS),
        tlp=st.none() | st.sampled_from(list(Tlp)),
    )  # fmt: skip


def tagged_events() -> st.SearchStrategy[TaggedEvent]:
    """Any event, sensible or not: texts of every kind, nothing found, no country, two attackers of one country."""
    rows = {
        "malware": st.builds(
            Malware, name=_NAMES, kind=st.sampled_from(("malware", "tool")), id=st.none() | st.uuids().map(str)
        ),
        "techniques": st.builds(
            Technique, id=st.sampled_from(("T1566", "T1566.001", "T1059")), name=_TEXTS, explicit=st.booleans()
        ),
        "vulnerabilities": st.builds(Vulnerability, id=st.just("CVE-2026-990001")),
        "indicators": st.builds(Indicator, type=st.sampled_from(_KINDS), value=_NAMES, as_written=_TEXTS),
        "routes": st.sampled_from(("cn", "japan")),
    }
    lists = {name: st.lists(row, max_size=3) for name, row in rows.items()}
    summary = st.builds(Summary, title=st.none() | _TEXTS, activity=st.lists(_TEXTS, max_size=2))
    return st.builds(
        event_of,
        item=_items(),
        attackers=st.lists(_attackers(), max_size=2),
        targets=_targets(),
        summary=summary,
        **lists,
    )
