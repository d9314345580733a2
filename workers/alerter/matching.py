"""Which known story a report belongs to: by address, by text, by tags, in that order. Pure.

Address: the same page, or the same feed's item again. Text: a copy, or kin, which is like enough and has no tag against
it. Tags: reports in other words or another language, not far apart in time, whose shared tags weigh enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from msgspec import Struct

from workers.alerter.digest import Digest
from workers.alerter.shard import ShardState
from workers.alerter.story import Story
from workers.alerter.tags import AGAINST, Tags, is_contradicted, weigh
from workers.alerter.times import HOUR_S
from workers.settings.alerts import StorySettings

__all__ = ["Match", "Tie", "addresses_of", "find_story"]

Tie: TypeAlias = Literal["event", "address", "copy", "kin", "tags"]


class Match(Struct, frozen=True):
    """A story, what ties the report to it, and whether the report's text is a copy of one that the story has."""

    story: Story
    tie: Tie
    is_copy: bool


def addresses_of(digest: Digest) -> list[str]:
    """Under what the report can be met again: its URL, and its id at its feed."""
    owner = digest.owner or ""
    return [*([digest.url] if digest.url else []), f"{owner}\n{digest.item.id}"]


def find_story(state: ShardState, digest: Digest, tags: Tags, rules: StorySettings) -> Match | None:
    """The story that the report belongs to; None where it begins one."""
    again = state.by_event.get(digest.event_id)
    if again is not None:
        return Match(state.stories[again], "event", is_copy=True)
    likeness = state.texts.near(digest.signature)
    for address in addresses_of(digest):
        known = state.by_address.get(address)
        if known is not None:
            return Match(state.stories[known], "address", likeness.get(known, 0.0) >= rules.copy_similarity)
    return _by_text(state, likeness, tags, rules) or _by_tags(state, digest, tags, rules)


def _by_text(state: ShardState, likeness: dict[str, float], tags: Tags, rules: StorySettings) -> Match | None:
    for known in sorted(likeness, key=lambda story: (-likeness[story], story)):
        story = state.stories[known]
        if likeness[known] >= rules.copy_similarity:
            return Match(story, "copy", is_copy=True)
        if likeness[known] < rules.kin_similarity:
            break
        if not story.silent and not any(is_contradicted(member.tags, tags) for member in story.members):
            return Match(story, "kin", is_copy=False)
    return None


def _by_tags(state: ShardState, digest: Digest, tags: Tags, rules: StorySettings) -> Match | None:
    if digest.purpose != "lead":
        return None
    best, weight, since = None, rules.tags_weight, digest.at - rules.tags_window_h * HOUR_S
    for story in state.by_tags(tags, since):
        if story.silent:
            continue
        found = _weight(story, since, tags, state.rarity)
        # The youngest of equals, then the smallest id: the same whatever order the stories were restored in.
        if found >= weight and (best is None or (found, story.last, story.id) > (weight, best.last, best.id)):
            best, weight = story, found
    return None if best is None else Match(best, "tags", is_copy=False)


def _weight(story: Story, since: float, tags: Tags, rarity: Callable[[str, str], float]) -> float:
    return max((weigh(member.tags, tags, rarity) for member in story.members if member.at >= since), default=AGAINST)
