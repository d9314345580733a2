"""Judges a run from outside: reads what was published, as any committed reader sees it, against what was produced.

Uses nothing of the worker's own code. Every item carries its input partition and its number there; a correct run has
each item exactly once over all outputs (tagged or dead-lettered), and for every input partition the items in an output
partition stand in the order in which they came.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaConsumer, TopicPartition

__all__ = ["Item", "Seen", "Verdict", "count_records", "judge", "read_committed"]

POISON_EVERY = 97


@dataclass(frozen=True)
class Item:
    """One item of the run: where it was produced, and its number there."""

    partition: int
    number: int

    @property
    def is_poison(self) -> bool:
        """Whether the item was made unreadable, so that it must be dead-lettered."""
        return self.number % POISON_EVERY == POISON_EVERY - 1

    @property
    def key(self) -> bytes:
        return f"{self.partition}:{self.number}".encode()

    def value(self, text: str = "") -> bytes:
        """The record's value; unreadable for poison."""
        if self.is_poison:
            return b"\xff\xfe not an item"
        return json.dumps(
            {"id": f"{self.partition}:{self.number}", "title": "chaos", "body": text or "nothing"}
        ).encode()

    @classmethod
    def of(cls, key: bytes | None) -> Item:
        """The item behind an output's key. Events and dead letters both carry the item's name there."""
        partition, _, number = (key or b"").decode().partition(":")
        return cls(int(partition), int(number))


@dataclass(frozen=True)
class Seen:
    """An item as it came out."""

    topic: str
    partition: int
    offset: int
    item: Item


@dataclass
class Verdict:
    """What is wrong with a run; nothing, when every list is empty."""

    lost: list[Item] = field(default_factory=list)
    doubled: list[Item] = field(default_factory=list)
    misordered: list[Seen] = field(default_factory=list)
    misplaced: list[Seen] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.misordered or self.misplaced)

    def __str__(self) -> str:
        return (
            f"lost {len(self.lost)} {self.lost[:5]}, doubled {len(self.doubled)} {self.doubled[:5]}, "
            f"misordered {len(self.misordered)} {self.misordered[:5]}, misplaced {len(self.misplaced)}"
        )


def judge(produced: Iterable[Item], seen: Sequence[Seen], *, dead_letter: str) -> Verdict:
    """What is wrong with `seen` as the output of `produced`. `seen` holds each partition in offset order."""
    counts = Counter(one.item for one in seen)
    wanted = set(produced)
    return Verdict(
        lost=sorted(wanted - counts.keys(), key=lambda item: (item.partition, item.number)),
        doubled=[item for item, times in counts.items() if times > 1],
        misordered=list(_misordered(seen)),
        misplaced=[
            one for one in seen if one.item not in wanted or one.item.is_poison is not (one.topic == dead_letter)
        ],
    )


def _misordered(seen: Sequence[Seen]) -> Iterable[Seen]:
    last: dict[tuple[str, int, int], int] = {}
    for one in seen:
        lane = (one.topic, one.partition, one.item.partition)
        if one.item.number < last.get(lane, -1):
            yield one
        last[lane] = max(one.item.number, last.get(lane, -1))


def read_committed(bootstrap: str, topics: Iterable[str]) -> list[Seen]:
    """Everything committed in `topics`, each partition in offset order."""
    return [
        Seen(record.topic, record.partition, record.offset, Item.of(record.key))
        for record in _records(bootstrap, topics, "read_committed")
    ]


def count_records(bootstrap: str, topics: Iterable[str], isolation: str) -> int:
    """How many records a reader of this isolation level gets."""
    return sum(1 for _ in _records(bootstrap, topics, isolation))


def _records(bootstrap: str, topics: Iterable[str], isolation: str) -> Iterable[Any]:
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level=isolation, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        places = [
            TopicPartition(topic, number) for topic in topics for number in consumer.partitions_for_topic(topic) or ()
        ]
        consumer.assign(places)
        ends = consumer.end_offsets(places)
        consumer.seek_to_beginning(*places)
        while any(consumer.position(place) < end for place, end in ends.items()):
            for records in consumer.poll(500, max_records=5_000).values():
                yield from records
    finally:
        consumer.close()
