"""How bad it is: the first row of the severity table whose conditions all hold. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from workers.alerter.digest import Digest
from workers.alerter.watching import actor_names, sector_names
from workers.model.alert import Reason, Severity
from workers.settings.alerts import SeveritySettings

__all__ = ["LEVELS", "severity_of"]

LEVELS: Sequence[Severity] = ("low", "medium", "high", "critical")


def severity_of(digest: Digest, reason: Reason, watch: str, rows: Sequence[SeveritySettings]) -> Severity:
    """The level of an alert that `digest` raises. The settings see to it that the last row always holds."""
    facts = _facts(digest, reason, watch)
    return next(row.level for row in rows if _holds(row, facts) and digest.score >= (row.minimum_score or 0.0))


def _facts(digest: Digest, reason: Reason, watch: str) -> Mapping[str, Collection[object]]:
    attackers, targets = digest.attackers, digest.targets
    return {
        "reason": (reason,),
        "watch": (watch,),
        "attacker_country": {a.country for a in attackers},
        "actor": {name for attacker in attackers for name in actor_names(attacker)},
        "target_country": {country.code for country in targets.countries},
        "sector": {name for sector in targets.sectors for name in sector_names(sector.id, sector.sub)},
        "objective": {objective.id for a in attackers for objective in a.objectives},
        "stance": {a.stance for a in attackers[:1]},
    }


def _holds(row: SeveritySettings, facts: Mapping[str, Collection[object]]) -> bool:
    for name, values in facts.items():
        wanted = getattr(row, name)
        if wanted is not None and not any((w.casefold() if name == "actor" else w) in values for w in wanted):
            return False
    return True
