"""When a story is over, and which go first when there are too many. Pure; told the time.

Each story has one deadline in a heap. It may be out of date, since reports prolong a story: it is put right when it
comes up, so that a report costs nothing here and a story is over at exactly its time.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from workers.alerter.digest import is_surge
from workers.alerter.rules import AlertRules
from workers.alerter.shard import Row, ShardState
from workers.alerter.story import Story
from workers.alerter.times import HOUR_S

__all__ = ["forget"]


def forget(state: ShardState, rules: AlertRules) -> Iterator[Row]:
    """Drops the stories that are over at the shard's clock, and those above the bound; gives the rows to remove."""
    now, most = state.meter.clock, rules.settings.story.most_open
    heap = state.deadlines
    while heap and (heap[0][0] <= now or len(state.stories) > most):
        known, story_id = heapq.heappop(heap)
        story = state.stories.get(story_id)
        if story is None:
            continue
        deadline = _deadline(state, story, rules)
        if known < deadline and (deadline > now or len(state.stories) > most):
            heapq.heappush(heap, (deadline, story_id))
            continue
        row = state.drop(story_id)
        if row is not None:
            yield row


def _deadline(state: ShardState, story: Story, rules: AlertRules) -> float:
    """A surge only needs its reports for as long as copies of them are not old news."""
    settings = rules.settings.story
    window_h = settings.fresh_h if is_surge(state.shard) else settings.window_h
    return min(story.last + window_h * HOUR_S, story.opened + settings.longest_h * HOUR_S)
