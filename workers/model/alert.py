"""The alert: what is new about a watched attacker, target or sector, once per story. Types only, no I/O."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from workers.model.analysis import Attacker, Targets
from workers.model.event import ItemRef
from workers.model.item import Tlp

__all__ = ["Alert", "Reason", "Severity", "StoryRef", "SurgeFigures"]

Reason: TypeAlias = Literal["new-story", "corroborated", "escalated", "surge"]
Severity: TypeAlias = Literal["low", "medium", "high", "critical"]


class StoryRef(Struct, frozen=True, kw_only=True):
    """The story as it stood when the alert was raised. Of a surge: the reports counted, `first_seen` the first of them.

    `sources` counts owners, not outlets: two papers of one house are one.
    """

    id: str
    first_seen: str
    items: int
    sources: int
    title: str | None = None


class SurgeFigures(Struct, frozen=True, kw_only=True):
    """Why it is a surge: distinct reports within the window against what is usual at this time of day."""

    count: int
    usual: float
    window_s: int


class Alert(Struct, frozen=True, kw_only=True):
    """One thing an analyst should look at. `id` is the same whenever the same event raises it for the same reason.

    `watch` names the row of the watch list (or the surge's subject); `item`, `attackers` and `targets` are those of the
    event that raised it; `changes` says what is new since the story's last alert, as `kind:value`. `tlp` is the
    strictest marking among the story's items, null where one of them has none: not known is not CLEAR.
    """

    schema: Literal["shirase.alert/1"] = "shirase.alert/1"
    id: str
    reason: Reason
    severity: Severity
    watch: str
    raised_at: str
    story: StoryRef
    attackers: list[Attacker]
    targets: Targets
    item: ItemRef
    event_id: str
    routes: list[str]
    changes: list[str] = []
    tlp: Tlp | None = None
    surge: SurgeFigures | None = None
