"""What the rules in hand would have raised on past events. Pure: sends nothing, stores nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from workers.alerter.digest import digest
from workers.alerter.folding import FoldResult, fold
from workers.alerter.rules import AlertRules
from workers.alerter.shard import ShardState
from workers.model import TaggedEvent

__all__ = ["replay"]


def replay(events: Iterable[TaggedEvent], rules: AlertRules) -> Iterator[FoldResult]:
    """The result of each digest of `events`, in the order given: alerts, and what was suppressed."""
    shards: dict[str, ShardState] = {}
    for event in events:
        for part in digest(event, rules):
            state = shards.get(part.shard)
            if state is None:
                state = shards[part.shard] = ShardState(part.shard)
            yield fold(state, part, rules)
