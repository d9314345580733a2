"""Which questions an analysis raises, and which of them may be asked. Pure.

A kind is a row of `_KEYS`: how its keys are read from an analysis. A new kind needs a line here and a row in
`lookups.toml`; a new provider of a known kind needs the row alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from workers.enrich.rows import Cell, LookupRow, may_ask
from workers.model import Analysis, Lookup, LookupStatus, RawItem, Tlp

__all__ = ["KINDS", "LookupRequest", "Plan", "Planner"]

Plan: TypeAlias = list["Lookup | Cell"]
_KeyReader: TypeAlias = Callable[[Analysis, RawItem], Iterable[str]]


class LookupRequest(Struct, frozen=True, kw_only=True):
    """One item whose questions are to be answered. `tlp` is the item's marking once read; None: not known."""

    analysis: Analysis
    item: RawItem
    tlp: Tlp | None


def _cve_ids(analysis: Analysis, _item: RawItem) -> Iterable[str]:
    return [vulnerability.id for vulnerability in analysis.vulnerabilities]


def _actor_ids(analysis: Analysis, _item: RawItem) -> Iterable[str]:
    return [actor.id for attacker in analysis.attackers for actor in attacker.actors if actor.id is not None]


_KEYS: Mapping[str, _KeyReader] = {"cve": _cve_ids, "actor": _actor_ids}
KINDS = frozenset(_KEYS)
"""The kinds of question that an analysis can raise."""


class Planner:
    """Reads plans off requests. Each (row, key) stands once in a plan, in the order of the rows and of the text."""

    def __init__(self, rows: Sequence[LookupRow]) -> None:
        """Raises KeyError for a row of a kind that is not in `KINDS`."""
        self._rows = rows
        kinds = dict.fromkeys(row.settings.kind for row in rows)
        self._readers = [
            (_KEYS[kind], [at for at, row in enumerate(rows) if row.settings.kind == kind]) for kind in kinds
        ]
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
