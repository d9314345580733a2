"""Builds alerts. Pure: the same digest and story give the same alert, byte for byte."""

from __future__ import annotations

from msgspec.structs import replace

from workers.alerter.digest import Digest
from workers.alerter.reasons import Finding
from workers.alerter.rules import AlertRules
from workers.alerter.severity import severity_of
from workers.alerter.story import ALERT_SPACE, Story
from workers.alerter.times import moment_text
from workers.formats.ids import fast_uuid5
from workers.model.alert import Alert, StoryRef, SurgeFigures

__all__ = ["build_alert", "build_surge_alert", "held_back"]


def build_alert(story: Story, digest: Digest, finding: Finding, rules: AlertRules) -> Alert:
    """The alert that `digest` raises for `story`, which holds it already."""
    watch = digest.shard.partition(":")[2]
    return Alert(
        id=fast_uuid5(ALERT_SPACE, f"{story.first_event}\n{finding.reason}\n{digest.shard}"),
        reason=finding.reason,
        severity=severity_of(digest, finding.reason, watch, rules.settings.severity),
        watch=watch,
        raised_at=moment_text(digest.at),
        story=_reference(story),
        attackers=digest.attackers,
        targets=digest.targets,
        item=digest.item,
        event_id=digest.event_id,
        routes=digest.routes,
        changes=list(finding.changes),
        tlp=story.tlp,
    )


def held_back(alert: Alert, digest: Digest) -> Alert:
    """`alert` under an id of the event's own: many events may be held back in one story, each is listed."""
    return replace(alert, id=fast_uuid5(ALERT_SPACE, f"{digest.event_id}\n{alert.reason}\n{digest.shard}\nheld back"))


def build_surge_alert(story: Story, digest: Digest, figures: SurgeFigures, rules: AlertRules) -> Alert:
    """The alert that a subject surges; `digest` is the report that made it plain, `story` the one it belongs to."""
    watch = digest.shard.partition(":")[2]
    return Alert(
        id=fast_uuid5(ALERT_SPACE, f"{digest.event_id}\nsurge\n{digest.shard}"),
        reason="surge",
        severity=severity_of(digest, "surge", watch, rules.settings.severity),
        watch=watch,
        raised_at=moment_text(digest.at),
        story=_reference(story),
        attackers=digest.attackers,
        targets=digest.targets,
        item=digest.item,
        event_id=digest.event_id,
        routes=digest.routes,
        tlp=story.tlp,
        surge=figures,
    )


def _reference(story: Story) -> StoryRef:
    return StoryRef(
        id=story.id,
        first_seen=moment_text(story.opened),
        items=story.items,
        sources=len(story.owners),
        title=story.title,
    )
