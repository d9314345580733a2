"""Lookups: what is known of the things that an item names, within a deadline and with the status of each answer.

Pure but for the ports. `wiring_lookups` builds the enricher.
"""

from __future__ import annotations

from workers.enrich.enricher import CachedEnricher, Enricher, NullEnricher
from workers.enrich.planner import LookupRequest

__all__ = ["CachedEnricher", "Enricher", "LookupRequest", "NullEnricher"]
