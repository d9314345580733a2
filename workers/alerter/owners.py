"""Whose voice a report is: outlets of one house count as one. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from workers.alerter.urls import registered_domain
from workers.model import ItemRef
from workers.settings.alerts import OwnerSettings

__all__ = ["Owners"]


class Owners:
    """Knows which sources and domains belong together."""

    def __init__(self, rows: Sequence[OwnerSettings]) -> None:
        self._sources = {source.casefold(): row.name for row in rows for source in row.sources}
        self._domains = {domain.casefold(): row.name for row in rows for domain in row.domains}

    def owner(self, item: ItemRef) -> str | None:
        """The owner of the item's source; None where the item names neither a source nor an address.

        A house of the list wins; else it is the source's name, else the registered domain.
        """
        source = item.source
        name = " ".join((source.name or "").casefold().split()) if source else ""
        if name in self._sources:
            return self._sources[name]
        domain = registered_domain(item.url) or registered_domain(source.url if source else None)
        return self._domains.get(domain or "") or name or domain
