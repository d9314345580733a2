"""How a score comes to be: the one place that turns what the rules say into a number. Pure.

A tag starts from the strength of the strongest rule that speaks for it. Every further reading moves it a quarter of the
rest towards certainty, at most three of them. Words of doubt beside all of its readings cost a tenth; the title adds a
little. What speaks against it (a denial, a stronger role as target) takes away. Whether a tag is published is decided on
this number. What is published beside it is the number put through the calibration table of its kind: a handful of
precisions measured on labelled reports, with straight lines between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

__all__ = [
    "ATTACKER_THRESHOLD",
    "CERTAIN",
    "TARGET_DEFAULT",
    "Part",
    "calibrated",
    "combine",
    "hedge",
    "parts",
    "weigh_against",
]

# What was counted in, and the score after it.
Part: TypeAlias = tuple[str, float]

ATTACKER_THRESHOLD = 0.5
TARGET_DEFAULT = 0.62
CERTAIN = 0.98
_FURTHER = 0.25
_FURTHER_MOST = 3
_HEDGED = 0.9
# Own number -> measured precision. The point of the threshold maps onto itself, so that no tag changes sides.
_ATTACKERS = ((0.0, 0.0), (0.5, 0.5), (0.6, 0.62), (0.8, 0.75), (0.9, 0.85), (0.95, 0.93), (1.0, 0.97))
_TARGETS = ((0.0, 0.0), (0.49, 0.49), (0.55, 0.8), (0.72, 0.82), (0.8, 0.89), (0.9, 0.94), (1.0, 0.96))
_SECTORS = ((0.0, 0.0), (0.4, 0.22), (0.5, 0.5), (0.6, 0.55), (0.75, 0.65), (0.9, 0.84), (1.0, 0.88))
_AGAINST = 0.6


def combine(strengths: Sequence[float]) -> float:
    """One number from the strengths of several readings."""
    ranked = sorted(strengths, reverse=True)
    score = ranked[0]
    for strength in ranked[1 : 1 + _FURTHER_MOST]:
        score += (1 - score) * _FURTHER * strength
    return min(score, CERTAIN)


def parts(strengths: Sequence[float], *, hedged: bool, denied: float, target: float) -> list[Part]:
    """The score of an attacker as it comes to be; the last part's number is the score. Empty where nothing speaks for it."""
    if not strengths:
        return []
    out = [("strongest", combine((max(strengths),)))]
    if len(strengths) > 1:
        out.append(("further", combine(strengths)))
    if hedged:
        out.append(("hedged", hedge(out[-1][1])))
    if denied:
        out.append(("denied", weigh_against(out[-1][1], denied * _AGAINST)))
    if target > max(strengths):
        out.append(("target", weigh_against(out[-1][1], target * _AGAINST)))
    return out


def hedge(score: float) -> float:
    """The score of a statement that its own words leave open."""
    return score * _HEDGED


def weigh_against(score: float, against: float) -> float:
    """The score after what speaks against it: a denial as strong as the statement halves it."""
    return score * (1 - against / 2) if against else score


def attacker_score(score: float) -> float:
    """The published score of an attacker."""
    return calibrated(_between(_ATTACKERS, score))


def target_score(score: float) -> float:
    """The published score of a target country."""
    return calibrated(_between(_TARGETS, score))


def sector_score(score: float) -> float:
    """The published score of a sector."""
    return calibrated(_between(_SECTORS, score))


def _between(table: tuple[tuple[float, float], ...], score: float) -> float:
    for (low, from_), (high, to) in pairwise(table):
        if score <= high:
            return from_ + (to - from_) * (max(score, low) - low) / (high - low)
    return table[-1][1]


def calibrated(score: float) -> float:
    """The score as published, rounded to two places."""
    return round(min(max(score, 0.0), CERTAIN), 2)
