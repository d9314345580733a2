"""What is remembered of a story, and how a report is added to it. Types and pure changes; no I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from workers.alerter.digest import Digest
from workers.alerter.tags import Tags, joined
from workers.formats.ids import fast_uuid5
from workers.model import Tlp
from workers.model.alert import Reason

__all__ = [
    "ALERT_SPACE",
    "STORY_SPACE",
    "Member",
    "Raised",
    "Story",
    "decode_story",
    "encode_story",
    "open_story",
    "strictest",
    "with_alert",
    "with_report",
]

STORY_SPACE = b"shirase:story/v1"
ALERT_SPACE = b"shirase:alert/v1"

# Bounds of one story: past them a report still joins, but is no longer something that others are compared with.
MOST_EVENTS = 512
MOST_MEMBERS = 16
MOST_URLS = 64
MOST_OWNERS = 64

# Not known stands below RED only: it may be anything up to it.
_STRICTNESS = (Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT, None, Tlp.RED)


class Member(Struct, frozen=True, gc=False):
    """One report of the story that is no copy of another."""

    event_id: str
    at: float
    signature: bytes
    tags: Tags
    published: float | None = None


class Raised(Struct, frozen=True, gc=False):
    """An alert that was raised."""

    reason: Reason
    event_id: str
    at: float


class Story(Struct, frozen=True, kw_only=True, gc=False):
    """One event in the world, as told by its reports. Its lists only grow (`events` also loses its oldest).

    `told` are the tags up to the last alert, `urls` the addresses (and the feeds' own ids) of its reports. A story that
    is `silent` raises nothing: another shard has it, or it only serves to count a surge.
    """

    id: str
    first_event: str
    silent: bool
    opened: float
    last: float
    title: str | None
    tlp: Tlp | None
    told: Tags
    items: int = 0
    events: list[str] = []
    urls: list[str] = []
    owners: list[str] = []
    members: list[Member] = []
    raised: list[Raised] = []


encode_story = msgspec.msgpack.Encoder().encode
decode_story = msgspec.msgpack.Decoder(Story).decode


def open_story(digest: Digest, tags: Tags) -> Story:
    """The story that `digest` begins, not yet holding it. Its id follows from the event and the shard."""
    return Story(
        id=fast_uuid5(STORY_SPACE, f"{digest.shard}\n{digest.event_id}"),
        first_event=digest.event_id,
        silent=digest.purpose != "lead",
        opened=digest.at,
        last=digest.at,
        title=digest.item.title,
        tlp=digest.item.tlp,
        told=tags,
    )


def with_report(story: Story, digest: Digest, tags: Tags, *, is_copy: bool, addresses: Sequence[str]) -> Story:
    """`story` with a report more: a copy only counts, any other is from then on compared with."""
    owners = [digest.owner] if digest.owner and digest.owner not in story.owners else []
    members = [] if is_copy else [Member(digest.event_id, digest.at, digest.signature, tags, digest.published)]
    return replace(
        story,
        items=story.items + 1,
        last=max(story.last, digest.at),
        title=story.title or digest.item.title,
        tlp=strictest(story.tlp, digest.item.tlp) if story.items else digest.item.tlp,
        events=[*story.events[-MOST_EVENTS + 1 :], digest.event_id],
        urls=[*story.urls, *(one for one in addresses if one not in story.urls)][:MOST_URLS],
        owners=[*story.owners, *owners][:MOST_OWNERS],
        members=[*story.members, *members][:MOST_MEMBERS],
        told=story.told if story.raised or is_copy or tags == story.told else joined(story.told, tags),
    )


def with_alert(story: Story, raised: Raised, tags: Tags) -> Story:
    """`story` after an alert that told `tags`."""
    return replace(story, raised=[*story.raised, raised], told=joined(story.told, tags))


def strictest(one: Tlp | None, other: Tlp | None) -> Tlp | None:
    """The stricter of two markings; not known is stricter than all but RED."""
    return max(one, other, key=_STRICTNESS.index)
