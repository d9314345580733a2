"""The topics of the broker: their partitions and settings; none is ever made by asking for it.

May create, grow, alter and delete topics and writes each change to the journal first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from workers.embedded.journal import Entry, Journal
from workers.embedded.log import PartitionLog

__all__ = ["Topic", "Topics", "is_topic_name"]

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")


@dataclass(slots=True)
class Topic:
    """A topic: its settings that differ from the defaults, and its partitions in order."""

    name: str
    configs: dict[str, str]
    partitions: list[PartitionLog]


def is_topic_name(name: str) -> bool:
    """Whether Kafka allows this topic name."""
    return bool(_NAME.fullmatch(name)) and name not in {".", ".."}


class Topics:
    """Every topic by name."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._topics: dict[str, Topic] = {}

    def __iter__(self) -> Iterator[Topic]:
        return iter(self._topics.values())

    def find(self, name: str) -> Topic | None:
        """Return the topic, or None when there is none."""
        return self._topics.get(name)

    def find_log(self, name: str, partition: int) -> PartitionLog | None:
        """Return the partition's log, or None when the topic or the partition does not exist."""
        topic = self._topics.get(name)
        if topic is None or not 0 <= partition < len(topic.partitions):
            return None
        return topic.partitions[partition]

    def declare(self, name: str, partitions: int, configs: Mapping[str, str]) -> Topic:
        """Make the topic have these settings and at least these partitions, creating it if need be."""
        self._journal.write(_topic_entry(name, partitions, configs))
        return self._declare(name, partitions, configs)

    def delete(self, name: str) -> None:
        """Remove an existing topic with its records."""
        self._journal.write({"kind": "topic-deleted", "topic": name})
        topic = self._topics.pop(name)
        for log in topic.partitions:
            log.close()
        self._journal.delete_stores(name)

    def delete_records(self, name: str, partition: int, offset: int) -> None:
        """Make `offset` the first readable one of an existing partition."""
        self._journal.write({"kind": "log-start", "topic": name, "partition": partition, "offset": offset})
        self._topics[name].partitions[partition].delete_before(offset)

    def apply(self, entries: list[Entry]) -> None:
        """Rebuild the topics that these journal entries describe, and read their partitions."""
        wanted: dict[str, Entry] = {}
        starts: dict[tuple[str, int], int] = {}
        deleted: set[str] = set()
        for entry in entries:
            if entry["kind"] == "topic":
                wanted[entry["topic"]] = entry
            elif entry["kind"] == "topic-deleted":
                wanted.pop(entry["topic"], None)
                starts = {place: offset for place, offset in starts.items() if place[0] != entry["topic"]}
                deleted.add(entry["topic"])
            elif entry["kind"] == "log-start":
                starts[entry["topic"], entry["partition"]] = entry["offset"]
        for name in deleted - wanted.keys():  # the process may have died before it removed the files
            self._journal.delete_stores(name)
        for entry in wanted.values():
            self._declare(entry["topic"], entry["partitions"], entry["configs"])
        for (name, partition), offset in starts.items():
            self._topics[name].partitions[partition].delete_before(offset)

    def snapshot(self) -> Iterator[Entry]:
        """Give the journal entries that rebuild the present topics."""
        for topic in self:
            yield _topic_entry(topic.name, len(topic.partitions), topic.configs)
            for partition, log in enumerate(topic.partitions):
                if log.start_offset:
                    yield {
                        "kind": "log-start",
                        "topic": topic.name,
                        "partition": partition,
                        "offset": log.start_offset,
                    }

    def close(self) -> None:
        """Close every partition; no other call may follow."""
        for topic in self:
            for log in topic.partitions:
                log.close()

    def _declare(self, name: str, partitions: int, configs: Mapping[str, str]) -> Topic:
        topic = self._topics.setdefault(name, Topic(name, {}, []))
        topic.configs = dict(configs)
        while len(topic.partitions) < partitions:
            topic.partitions.append(PartitionLog(self._journal.open_store(name, len(topic.partitions))))
        return topic


def _topic_entry(name: str, partitions: int, configs: Mapping[str, str]) -> Entry:
    return {"kind": "topic", "topic": name, "partitions": partitions, "configs": dict(configs)}
