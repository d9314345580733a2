"""The alert rules ready for use: built once from the settings, asked per event. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from workers.alerter.owners import Owners
from workers.alerter.watching import Watch
from workers.settings.alerts import AlertSettings

__all__ = ["AlertRules", "build_rules"]


class AlertRules(Struct, frozen=True):
    """Everything the two stages ask of the settings. `by_shard` finds a watch row by the name of its shard."""

    settings: AlertSettings
    watches: tuple[Watch, ...]
    by_shard: Mapping[str, Watch]
    owners: Owners


def build_rules(settings: AlertSettings) -> AlertRules:
    """The rules of `settings`."""
    watches = tuple(Watch(row, settings.story.minimum_score) for row in settings.watch)
    by_shard = {f"watch:{watch.name}": watch for watch in watches}
    return AlertRules(settings, watches, by_shard, Owners(settings.owner))
