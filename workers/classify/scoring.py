"""How a score comes to be: the one place that turns what the rules say into a number. Pure.

A tag starts from the strength of the strongest rule that speaks for it. Every further reading moves it a quarter of the
rest towards certainty, at most three of them. Words of doubt beside all of its readings cost a tenth; the title adds a
little. What speaks against it (a denial, a stronger role as target) takes away. The sum is put through the calibration
table, which is a handful of measured precisions.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["ATTACKER_THRESHOLD", "CERTAIN", "TARGET_DEFAULT", "calibrated", "combine", "hedge", "weigh_against"]

ATTACKER_THRESHOLD = 0.5
TARGET_DEFAULT = 0.62
CERTAIN = 0.98
_FURTHER = 0.25
_FURTHER_MOST = 3
_HEDGED = 0.9


def combine(strengths: Sequence[float]) -> float:
    """One number from the strengths of several readings."""
    ranked = sorted(strengths, reverse=True)
    score = ranked[0]
    for strength in ranked[1 : 1 + _FURTHER_MOST]:
        score += (1 - score) * _FURTHER * strength
    return min(score, CERTAIN)


def hedge(score: float) -> float:
    """The score of a statement that its own words leave open."""
    return score * _HEDGED


def weigh_against(score: float, against: float) -> float:
    """The score after what speaks against it: a denial as strong as the statement halves it."""
    return score * (1 - against / 2) if against else score


def calibrated(score: float) -> float:
    """The score as published, rounded to two places."""
    return round(min(max(score, 0.0), CERTAIN), 2)
