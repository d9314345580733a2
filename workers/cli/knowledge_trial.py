"""Whether a galaxy is good enough to be taken: what it holds and what the reader makes of the behaviour cases with it,
beside the one in use. Reads the cases; changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from workers.classify.cases import Verdict
    from workers.knowledge import Knowledge
    from workers.settings import Settings

__all__ = ["Trial", "try_galaxy", "version_of"]

_SMALLEST_SHARE = 0.5
_VERSION = re.compile(r"^misp-galaxy@(\d+)")


class Trial(Struct, frozen=True, kw_only=True):
    """How it went. `faults` are never taken; `below_floor` only where as few cases broke as the caller tolerates.

    `broken`: the cases that are right with the galaxy in use and are not with the new one, in words.
    """

    faults: list[str]
    below_floor: list[str]
    broken: list[str]
    cases: int
    right: int

    def is_passed(self, tolerated: int) -> bool:
        """Whether the galaxy may be taken where `tolerated` cases may break."""
        return not self.faults and (not self.below_floor or len(self.broken) <= tolerated)


def version_of(knowledge: Knowledge) -> int:
    """The version of the galaxy's threat-actor cluster."""
    found = _VERSION.match(knowledge.version)
    return int(found[1]) if found else 0


def try_galaxy(settings: Settings, candidate: Knowledge, in_use: Knowledge, *, may_be_older: bool) -> Trial:
    """The trial of `candidate`. Raises ConfigError where the cases or their floor cannot be read."""
    from workers.cli.rules import judge_cases, read_case_files, shortfalls_of

    cases = read_case_files(settings.config_dir / "cases")
    verdicts = judge_cases(cases, candidate)
    return Trial(
        faults=[
            *([] if may_be_older else _older(candidate, in_use)),
            *_shrunk(candidate, in_use),
            *_lost_words(settings, candidate, in_use),
        ],
        below_floor=shortfalls_of(settings, verdicts, overall=True),
        broken=list(_broken(verdicts, judge_cases(cases, in_use))),
        cases=len(cases),
        right=sum(verdict.right for verdict in verdicts),
    )


def _older(candidate: Knowledge, in_use: Knowledge) -> Iterator[str]:
    new, old = version_of(candidate), version_of(in_use)
    if new < old:
        yield f"its threat-actor cluster has version {new}: expected {old}, the version in use, or newer (--older takes it)"


def _shrunk(candidate: Knowledge, in_use: Knowledge) -> Iterator[str]:
    new, old = candidate.compiled.sources, in_use.compiled.sources
    for name, count in old.items():
        if new.get(name, 0) < count * _SMALLEST_SHARE:
            yield f"{name} has {new.get(name, 0)} entries: expected at least half of the {count} of the galaxy in use"


def _lost_words(settings: Settings, candidate: Knowledge, in_use: Knowledge) -> list[str]:
    """Names in routes that the galaxy in use knows and the new one does not."""
    from workers.cli.route_words import unknown_words

    known_before = set(unknown_words(settings.routes, in_use))
    return [words for words in unknown_words(settings.routes, candidate) if words not in known_before]


def _broken(now: Sequence[Verdict], before: Sequence[Verdict]) -> Iterator[str]:
    for new, old in zip(now, before, strict=True):
        if old.right and not new.right:
            yield f"{new.case.cls} {new.case.id}: {_first(new.faults)}"


def _first(faults: Sequence[Any]) -> str:
    return f"{faults[0].kind}: {faults[0].says}"
