"""Stage two: folds a shard's digests into stories, in order, and says what to alert. Told the time by the digests.

The clock of a shard is the latest time that any of its digests told, so that records which arrive out of order do not
turn it back. The same event a second time changes nothing, the clock included, and raises nothing: so the clock is always
that of the latest report of some story, and need not be stored for itself.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from workers.alerter.digest import Digest
from workers.alerter.forgetting import forget
from workers.alerter.matching import Match, addresses_of, find_story
from workers.alerter.raising import build_alert, build_surge_alert, held_back
from workers.alerter.reasons import Finding, reason_for
from workers.alerter.rules import AlertRules
from workers.alerter.shard import Row, ShardState
from workers.alerter.story import Raised, Story, open_story, with_alert, with_report
from workers.alerter.suppression import DAY_S, Cause, is_old_news, is_quiet, over_rate, over_story_rate
from workers.alerter.surge import count_report, find_surge
from workers.alerter.tags import NO_TAGS, Tags, tags_of
from workers.alerter.times import HOUR_S
from workers.model.alert import Alert

__all__ = ["Cause", "FoldResult", "Outcome", "Suppressed", "fold"]

Outcome: TypeAlias = Literal["opened", "joined", "copy", "repeat", "late"]


class Suppressed(Struct, frozen=True):
    """An alert that was not raised, and what held it back."""

    cause: Cause
    alert: Alert


class FoldResult(Struct, frozen=True, kw_only=True):
    """What one digest led to. `rows` are to be stored together with the alerts, never before them."""

    outcome: Outcome
    story_id: str | None = None
    alerts: tuple[Alert, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    rows: tuple[Row, ...] = ()


def fold(state: ShardState, digest: Digest, rules: AlertRules) -> FoldResult:
    """Folds `digest` into `state` (which is changed) and says what that means."""
    meter, story_rules = state.meter, rules.settings.story
    known = state.by_event.get(digest.event_id)
    if known is not None:
        return FoldResult(outcome="repeat", story_id=known)
    if digest.at < meter.clock - story_rules.window_h * HOUR_S:
        return FoldResult(outcome="late")
    meter.clock = max(meter.clock, digest.at)
    digest = replace(digest, at=meter.clock)
    gone = tuple(forget(state, rules))
    tags = NO_TAGS if digest.purpose == "surge" else tags_of(digest, story_rules.minimum_score)
    match = find_story(state, digest, tags, story_rules)
    before = match.story if match else open_story(digest, tags)
    after = with_report(
        before, digest, tags, is_copy=match is not None and match.is_copy, addresses=addresses_of(digest)
    )
    if digest.purpose == "surge":
        return _surging(state, digest, rules, _Step(match, before, after, tags, gone))
    return _telling(state, digest, rules, _Step(match, before, after, tags, gone))


class _Step(Struct, frozen=True):
    """A digest on its way: the story before and after it, and the rows that have to go."""

    match: Match | None
    before: Story
    after: Story
    tags: Tags
    gone: tuple[Row, ...]

    @property
    def outcome(self) -> Outcome:
        """What became of the report."""
        if self.match is None:
            return "opened"
        return "copy" if self.match.is_copy else "joined"


def _telling(state: ShardState, digest: Digest, rules: AlertRules, step: _Step) -> FoldResult:
    after, meter = step.after, state.meter
    if digest.purpose != "lead" or step.before.silent:
        return FoldResult(outcome=step.outcome, story_id=after.id, rows=(*step.gone, state.put(after)))
    finding = reason_for(step.before, step.match, digest, step.tags)
    alert = build_alert(after, digest, finding or Finding("new-story"), rules)
    cause = "duplicate" if finding is None else _cause(state, digest, rules, step.before, alert)
    if finding is None or cause is not None:
        held = Suppressed(cause or "duplicate", held_back(alert, digest))
        return FoldResult(
            outcome=step.outcome, story_id=after.id, suppressed=(held,), rows=(*step.gone, state.put(after))
        )
    after = with_alert(after, Raised(finding.reason, digest.event_id, meter.clock), step.tags)
    meter.alerts = [*meter.alerts[bisect_right(meter.alerts, meter.clock - DAY_S) :], meter.clock]
    rows = (*step.gone, state.put(after), state.meter_row())
    return FoldResult(outcome=step.outcome, story_id=after.id, alerts=(alert,), rows=rows)


def _cause(state: ShardState, digest: Digest, rules: AlertRules, story: Story, alert: Alert) -> Cause | None:
    settings, now = rules.settings, state.meter.clock
    if over_story_rate(story.raised, now, settings.rate):
        return "story-rate"
    if digest.score < _minimum(digest, rules):
        return "below-score"
    if is_old_news(digest, settings.story.fresh_h):
        return "old-news"
    if is_quiet(now, alert.severity, settings.quiet_hours):
        return "quiet-hours"
    return "rate" if over_rate(state.meter.alerts, now, settings.rate) else None


def _minimum(digest: Digest, rules: AlertRules) -> float:
    watch = rules.by_shard.get(digest.shard)
    return watch.minimum if watch else rules.settings.story.minimum_score


def _surging(state: ShardState, digest: Digest, rules: AlertRules, step: _Step) -> FoldResult:
    """Counts the report, unless it is a copy or the story's page again, or old."""
    surge, meter, after = rules.settings.surge, state.meter, step.after
    rows = (*step.gone, state.put(after))
    if step.match is not None or is_old_news(digest, rules.settings.story.fresh_h):
        return FoldResult(outcome=step.outcome, story_id=after.id, rows=rows)
    meter.hours = count_report(meter.hours, meter.clock, surge)
    meter.first_hour = int(meter.clock // HOUR_S) if meter.first_hour is None else meter.first_hour
    figures = find_surge(meter.hours, meter.first_hour, meter.clock, surge)
    is_told = meter.told is not None and meter.clock - meter.told < surge.quiet_h * HOUR_S
    alerts: tuple[Alert, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    if figures is not None and not is_told:
        alert = build_surge_alert(after, digest, figures, rules)
        if is_quiet(meter.clock, alert.severity, rules.settings.quiet_hours):
            suppressed = (Suppressed("quiet-hours", held_back(alert, digest)),)
        else:
            alerts = (alert,)
        meter.told = meter.clock
    return FoldResult(
        outcome=step.outcome,
        story_id=after.id,
        alerts=alerts,
        suppressed=suppressed,
        rows=(*rows, state.meter_row()),
    )
