"""Why a report is worth an alert: its story is new, it confirms the story, or it adds something to it. Pure.

A story has at most two alerts: that it is new, and then either that another house confirms it or that it grew.
"""

from __future__ import annotations

from msgspec import Struct

from workers.alerter.digest import Digest
from workers.alerter.matching import Match
from workers.alerter.story import Story
from workers.alerter.tags import Tags, new_tags
from workers.model.alert import Reason

__all__ = ["MOST_ALERTS", "Finding", "reason_for"]

MOST_ALERTS = 2


class Finding(Struct, frozen=True):
    """A reason, and what is new since the story's last alert."""

    reason: Reason
    changes: tuple[str, ...] = ()


def reason_for(story: Story, match: Match | None, digest: Digest, tags: Tags) -> Finding | None:
    """Why `digest`, which belongs to `story` by `match` (None: it begins it), would be worth an alert; None: it is not.

    A copy neither confirms nor adds anything. `story` is as it was before the report.
    """
    if not story.raised:
        return Finding("new-story")
    if match is None or match.is_copy:
        return None
    changes = tuple(new_tags(story.told, tags))
    if match.tie != "address" and _is_independent(story, digest):
        return Finding("corroborated", changes)
    return Finding("escalated", changes) if changes else None


def _is_independent(story: Story, digest: Digest) -> bool:
    """Whether another house than all before tells it; nobody is independent of a source that is not known."""
    return bool(digest.owner and story.owners) and digest.owner not in story.owners
