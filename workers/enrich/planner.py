"""Which questions an analysis raises, and which of them may be asked. Pure.

A kind is a row of `_KEYS`: how its keys are read from an analysis. A new kind needs a line here and a row in
`lookups.toml`; a new provider of a known kind needs the row alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

from workers.enrich.rows import Cell, LookupRow, may_ask
from workers.model import Analysis, Lookup, LookupStatus, RawItem, Tlp

__all__ = ["KINDS", "LookupRequest", "Plan", "Planner", "types_of"]

Plan: TypeAlias = list["Lookup | Cell"]
_KeyReader: TypeAlias = Callable[[Analysis, RawItem], Iterable[str]]
ADDRESS_TYPES = ("ipv4-addr", "ipv6-addr")


class LookupRequest(Struct, frozen=True, kw_only=True):
    """One item whose questions are to be answered. `tlp` is the item's marking once read; None: not known.

    `item_id` and `content_sha256` name the event, should an answer come after it.
    """

    analysis: Analysis
    item: RawItem
    tlp: Tlp | None
    item_id: str = ""
    content_sha256: str = ""


def _cve_ids(_types: frozenset[str]) -> _KeyReader:
    return lambda analysis, _: [vulnerability.id for vulnerability in analysis.vulnerabilities]


def _actor_ids(_types: frozenset[str]) -> _KeyReader:
    return lambda analysis, _: [
        actor.id for attacker in analysis.attackers for actor in attacker.actors if actor.id is not None
    ]


def _technique_ids(_types: frozenset[str]) -> _KeyReader:
    return lambda analysis, _: [technique.id for technique in analysis.techniques]


def _indicators(types: frozenset[str]) -> _KeyReader:
    return lambda analysis, _: [one.value for one in analysis.indicators if one.type in types]


def _source_domain(_types: frozenset[str]) -> _KeyReader:
    def read(_analysis: Analysis, item: RawItem) -> Iterable[str]:
        source = item.source
        url = (source.url if source is not None else None) or item.url
        return () if url is None else _domain_of(url)

    return read


@lru_cache(4096)
def _domain_of(url: str) -> tuple[str, ...]:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return ()
    return (host.rstrip(".").removeprefix("www."),) if host else ()


_KEYS: Mapping[str, Callable[[frozenset[str]], _KeyReader]] = {
    "cve": _cve_ids,
    "actor": _actor_ids,
    "technique": _technique_ids,
    "indicator": _indicators,
    "asn": _indicators,
    "source": _source_domain,
}
KINDS = frozenset(_KEYS)
"""The kinds of question that an analysis can raise."""


def types_of(kind: str, types: Collection[str]) -> frozenset[str]:
    """The types of indicator that a row asks about: those it names; an ASN is one of addresses."""
    return frozenset(types or (ADDRESS_TYPES if kind == "asn" else ()))


class Planner:
    """Reads plans off requests. Each (row, key) stands once in a plan, in the order of the rows and of the text."""

    def __init__(self, rows: Sequence[LookupRow]) -> None:
        """Raises KeyError for a row of a kind that is not in `KINDS`."""
        self._rows = rows
        questions: dict[tuple[str, frozenset[str]], list[int]] = {}
        for at, row in enumerate(rows):
            kind = row.settings.kind
            questions.setdefault((kind, types_of(kind, row.settings.types)), []).append(at)
        self._readers = [(_KEYS[kind](types), numbers) for (kind, types), numbers in questions.items()]
        self._open = {tlp: [may_ask(row.settings, tlp) for row in rows] for tlp in (None, *Tlp)}

    def plan(self, request: LookupRequest) -> Plan:
        """The request's lookups: a cell for a question to answer, a finished lookup where the marking forbids it."""
        is_open = self._open[request.tlp]
        plan: Plan = []
        for read, numbers in self._readers:
            keys = read(request.analysis, request.item)
            if not keys:
                continue
            keys = dict.fromkeys(keys)
            for number in numbers:
                if is_open[number]:
                    plan += [(number, key) for key in keys]
                else:
                    row = self._rows[number]
                    plan += [row.without_answer(key, LookupStatus.WITHHELD) for key in keys]
        return plan
