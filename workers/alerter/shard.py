"""The state of one shard: rows that a table can keep, and the indexes over them. No I/O; the fold's host stores the rows.

A row is bytes under a key that begins with the shard's name, so that the rows of all shards of a partition fit into one
table. Indexes are never stored: they are built from the rows.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from workers.alerter.digest import is_surge
from workers.alerter.story import Member, Story, decode_story, encode_story
from workers.alerter.tags import Tags, whole_set
from workers.alerter.text_index import FEW_BANDS, MANY_BANDS, TextIndex

__all__ = ["Meter", "Row", "ShardState", "restore_shards", "shard_of"]

# Kinds of tag that are rare enough to look stories up by; a story must share one of them to be found by its tags.
TELLING = ("vulnerabilities", "organisations", "malware", "actors")
FEW_STORIES = 4
_METER = "meter"


class Row(Struct, frozen=True):
    """A row to write, or to remove where `value` is None."""

    key: str
    value: bytes | None


class Meter(Struct, kw_only=True):
    """What a shard counts: when it raised alerts, and for a surge the reports of each hour since 1970."""

    clock: float = 0.0
    alerts: list[float] = []
    hours: dict[int, int] = {}
    first_hour: int | None = None
    told: float | None = None


_encode_meter = msgspec.msgpack.Encoder().encode
_decode_meter = msgspec.msgpack.Decoder(Meter).decode


class ShardState:
    """What one shard remembers. Changed only by the fold; rebuilt from its rows."""

    def __init__(self, shard: str) -> None:
        self.shard = shard
        self.meter = Meter()
        self.stories: dict[str, Story] = {}
        # A surge only has to know copies again, and there are many surge shards.
        self.texts = TextIndex(FEW_BANDS if is_surge(shard) else MANY_BANDS)
        self.by_event: dict[str, str] = {}
        self.by_address: dict[str, str] = {}
        self.by_tag: dict[str, dict[str, float]] = {}
        self.deadlines: list[tuple[float, str]] = []

    @property
    def open_stories(self) -> int:
        """How many stories lie within the window."""
        return len(self.stories)

    def put(self, story: Story) -> Row:
        """Takes `story` in, in place of what was known of it, and gives the row to store."""
        known = self.stories.get(story.id)
        if known is None:
            self._index(story)
        else:
            self._index_more(known, story)
        return Row(self._key(story.id), encode_story(story))

    def drop(self, story_id: str) -> Row | None:
        """Forgets a story and gives the row to remove; None where there is no such story."""
        known = self.stories.pop(story_id, None)
        if known is None:
            return None
        self._unindex(known)
        return Row(self._key(story_id), None)

    def meter_row(self) -> Row:
        """The meter's row to store."""
        return Row(self._key(_METER), _encode_meter(self.meter))

    def restore(self, key: str, value: bytes) -> None:
        """Takes in one stored row. The clock is that of the latest report: it is not stored with each of them."""
        clock = self.meter.clock
        if key == self._key(_METER):
            self.meter = _decode_meter(value)
        else:
            story = decode_story(value)
            self._index(story)
            clock = max(clock, story.last)
        self.meter.clock = max(self.meter.clock, clock)

    def by_tags(self, tags: Tags, since: float) -> Iterator[Story]:
        """The stories that share a telling tag with `tags` by a report not older than `since`, each once."""
        found = {
            story_id: None
            for tag in _telling(tags)
            for story_id, latest in self.by_tag.get(tag, {}).items()
            if latest >= since
        }
        return (self.stories[story_id] for story_id in found)

    def rarity(self, kind: str, value: str) -> float:
        """How telling a tag is here: 1 while few stories have it, less the more do; 1 for kinds that are not counted."""
        stories = len(self.by_tag.get(f"{kind}:{value}", ()))
        return 1.0 if stories <= FEW_STORIES else 1.0 / (1.0 + math.log2(stories / FEW_STORIES))

    def _key(self, name: str) -> str:
        return f"{self.shard}|{name}"

    def _index(self, story: Story) -> None:
        self.stories[story.id] = story
        heapq.heappush(self.deadlines, (story.opened, story.id))
        self.by_event.update(dict.fromkeys(story.events, story.id))
        self.by_address.update(dict.fromkeys(story.urls, story.id))
        self._index_members(story.id, story.members)

    def _index_more(self, known: Story, story: Story) -> None:
        self.stories[story.id] = story
        self.by_event.update(dict.fromkeys(story.events[-1:], story.id))
        if known.events[:1] != story.events[:1]:
            self.by_event.pop(known.events[0], None)
        self.by_address.update(dict.fromkeys(story.urls[len(known.urls) :], story.id))
        self._index_members(story.id, story.members[len(known.members) :])

    def _index_members(self, story_id: str, members: Sequence[Member]) -> None:
        for member in members:
            self.texts.add(member.signature, story_id)
            for tag in _telling(member.tags):
                self.by_tag.setdefault(tag, {})[story_id] = member.at

    def _unindex(self, story: Story) -> None:
        for table, keys in ((self.by_event, story.events), (self.by_address, story.urls)):
            for key in keys:
                if table.get(key) == story.id:
                    del table[key]
        for member in story.members:
            self.texts.remove(member.signature, story.id)
            for tag in _telling(member.tags):
                stories = self.by_tag.get(tag, {})
                stories.pop(story.id, None)
                if not stories:
                    self.by_tag.pop(tag, None)


def _telling(tags: Tags) -> Iterator[str]:
    for kind in TELLING:
        for value in getattr(tags, kind):
            yield f"{kind}:{value}"
    whole = whole_set(tags)
    if whole is not None:
        yield f"whole:{whole}"


def shard_of(key: str) -> str:
    """The shard that the row of `key` belongs to."""
    return key.rpartition("|")[0]


def restore_shards(rows: Iterable[tuple[str, bytes]]) -> Mapping[str, ShardState]:
    """The shards whose rows these are, by name. Order does not matter."""
    shards: dict[str, ShardState] = {}
    for key, value in rows:
        shard = shard_of(key)
        shards.setdefault(shard, ShardState(shard)).restore(key, value)
    return shards
