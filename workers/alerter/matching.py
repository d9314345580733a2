"""Which known story a report belongs to: by address, by text, by tags, in that order. Pure.

Address: the same page, or the same feed's item again. Text: a copy, or kin, which is like enough and has no tag against
it. Tags: reports in other words or another language, not far apart in time, whose shared tags weigh enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

from msgspec import Struct

from workers.alerter.digest import Digest
from workers.alerter.shard import ShardState
from workers.alerter.story import Member, Story
from workers.alerter.tags import AGAINST, Tags, is_contradicted, weigh
from workers.alerter.times import HOUR_S
from workers.settings.alerts import StorySettings

__all__ = ["Match", "Tie", "addresses_of", "find_story"]

Tie: TypeAlias = Literal["address", "copy", "kin", "tags"]


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
    best, weight, reach = None, rules.tags_weight, rules.tags_window_h * HOUR_S
    for story in state.by_tags(tags, digest.at - reach):
        if story.silent:
            continue
        found = _weight((member for member in story.members if _is_near(member, digest, reach)), tags, state.rarity)
        # The youngest of equals, then the smallest id: the same whatever order the stories were restored in.
        if found >= weight and (best is None or (found, story.last, story.id) > (weight, best.last, best.id)):
            best, weight = story, found
    return None if best is None else Match(best, "tags", is_copy=False)


def _is_near(member: Member, digest: Digest, reach: float) -> bool:
    """Read at nearly the same time, and published so where both say when: old news fed again tells of another event."""
    if member.at < digest.at - reach:
        return False
    return member.published is None or digest.published is None or abs(member.published - digest.published) <= reach


def _weight(members: Iterable[Member], tags: Tags, rarity: Callable[[str, str], float]) -> float:
    return max((weigh(member.tags, tags, rarity) for member in members), default=AGAINST)
