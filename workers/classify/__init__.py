"""Reads what an item says about attacks: attackers, roles, targets, aims, techniques, indicators. Pure, no I/O."""

from __future__ import annotations

from workers.classify.reader import Reader

__all__ = ["Reader"]
