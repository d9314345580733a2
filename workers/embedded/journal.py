"""What must outlive the process beside the records: topics, offsets, transactions, in one append-only file.

An entry is one JSON object on one line. Applying the entries in order gives the state; the file is rewritten to the
shortest such row at every start. The journal knows nothing of what the entries mean.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from workers.embedded.storage import BatchStore, FileStore, MemoryStore

__all__ = ["DiskJournal", "Entry", "Journal", "MemoryJournal"]

Entry = dict[str, Any]


class Journal(Protocol):
    """Keeps entries, and makes the stores of partitions, in one place."""

    def write(self, entry: Entry) -> None:
        """Keep the entry before returning."""

    def load(self) -> list[Entry]:
        """Return what an earlier process kept, in order."""

    def rewrite(self, entries: Iterable[Entry]) -> None:
        """Replace everything kept by these entries."""

    def open_store(self, topic: str, partition: int) -> BatchStore:
        """Open the store of one partition, with what it already holds."""

    def delete_stores(self, topic: str) -> None:
        """Remove what is kept of a topic's partitions, whose stores must be closed."""

    def close(self) -> None:
        """Let go of files; no other call may follow."""


class MemoryJournal:
    """Keeps nothing: the state lives as long as its process."""

    def write(self, entry: Entry) -> None:
        """Drop the entry."""

    def load(self) -> list[Entry]:
        """Return nothing."""
        return []

    def rewrite(self, entries: Iterable[Entry]) -> None:
        """Drop the entries."""

    def open_store(self, topic: str, partition: int) -> BatchStore:  # noqa: ARG002 - every store is new
        """Make an empty store in memory."""
        return MemoryStore()

    def delete_stores(self, topic: str) -> None:
        """Do nothing: memory went with the stores."""

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


class DiskJournal:
    """Keeps entries and partitions under one directory that no second broker may use at the same time."""

    def __init__(self, folder: Path) -> None:
        """Take the directory, creating it if need be.

        Raises:
            BlockingIOError: another broker has it.
            OSError: it cannot be created or written.

        """
        self._topics = folder / "topics"
        self._topics.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._path = folder / "journal.jsonl"
        self._fd = self._open()

    def write(self, entry: Entry) -> None:
        """Append the entry.

        Raises:
            OSError: it could not be written whole.

        """
        line = _line(entry)
        if os.write(self._fd, line) != len(line):
            msg = f"short write to {self._path}"
            raise OSError(msg)

    def load(self) -> list[Entry]:
        """Return the entries of an earlier process; a last line torn by its death was never acknowledged."""
        lines = self._path.read_bytes().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith(b"\n")]

    def rewrite(self, entries: Iterable[Entry]) -> None:
        """Replace the file by one that holds these entries, whole or not at all."""
        new = self._path.with_suffix(".new")
        new.write_bytes(b"".join(_line(entry) for entry in entries))
        new.replace(self._path)
        os.close(self._fd)
        self._fd = self._open()

    def open_store(self, topic: str, partition: int) -> BatchStore:
        """Open the partition's file; Kafka's topic names are safe file names."""
        folder = self._topics / topic
        folder.mkdir(exist_ok=True)
        return FileStore(folder / f"{partition}.log")

    def delete_stores(self, topic: str) -> None:
        """Remove the topic's directory."""
        folder = self._topics / topic
        if folder.is_dir():
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()

    def close(self) -> None:
        """Close the file and give the directory back."""
        os.close(self._fd)
        os.close(self._lock)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _line(entry: Entry) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"
