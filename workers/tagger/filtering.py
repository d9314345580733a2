"""Items dropped on purpose: by source or by language, as the settings say. Pure."""

from __future__ import annotations

from workers.model import RawItem
from workers.settings import FilterSettings

__all__ = ["ItemFilter"]


class ItemFilter:
    """Names the reason why an item is dropped, if it is."""

    def __init__(self, settings: FilterSettings) -> None:
        self._sources = frozenset(name.casefold() for name in settings.exclude_sources)
        self._languages = frozenset(name.casefold() for name in settings.languages)

    def reason_to_drop(self, item: RawItem) -> str | None:
        """`source`, `language`, or None where the item is kept. An item that names no language is kept."""
        if self._sources and item.source is not None and (item.source.name or "").casefold() in self._sources:
            return "source"
        if self._languages and item.language is not None and item.language.casefold() not in self._languages:
            return "language"
        return None
