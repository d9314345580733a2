"""Where a partition's batches lie: in memory, or in one append-only file.

A store knows batches by their position in the row and nothing of what is inside them. Writes reach the operating
system before `append` returns, so that a killed process loses nothing it acknowledged; power loss is out of scope.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from workers.embedded.batch import HEADER_BYTES, BatchHeader

__all__ = ["BatchStore", "FileStore", "MemoryStore"]


class BatchStore(Protocol):
    """A row of batches that grows at its end and shrinks at its start."""

    def append(self, batch: bytes) -> None:
        """Keep the batch at the end of the row."""

    def read(self, first: int, stop: int) -> bytes:
        """Return the batches `first` up to but not including `stop`, joined."""

    def drop_first(self, count: int) -> None:
        """Forget the first `count` batches; the rest move down."""

    def load(self) -> list[bytes]:
        """Return every batch kept by an earlier process, in order, without what was torn by its death."""

    def close(self) -> None:
        """Let go of files; no other call may follow."""


class MemoryStore:
    """Batches in a list, gone with the process."""

    def __init__(self) -> None:
        self._batches: list[bytes] = []

    def append(self, batch: bytes) -> None:
        """Keep the batch at the end of the row."""
        self._batches.append(batch)

    def read(self, first: int, stop: int) -> bytes:
        """Return the batches `first` up to but not including `stop`, joined."""
        return b"".join(self._batches[first:stop])

    def drop_first(self, count: int) -> None:
        """Forget the first `count` batches."""
        del self._batches[:count]

    def load(self) -> list[bytes]:
        """Return nothing: memory keeps nothing between processes."""
        return []

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


class FileStore:
    """Batches end to end in one file; dropped ones stay in the file and are only no longer read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._end = os.fstat(self._fd).st_size
        self._starts: list[int] = []

    def append(self, batch: bytes) -> None:
        """Write the batch at the file's end.

        Raises:
            OSError: the file could not take the whole batch; the file is as before.

        """
        if os.pwrite(self._fd, batch, self._end) != len(batch):
            os.ftruncate(self._fd, self._end)
            msg = f"short write to {self._path}"
            raise OSError(msg)
        self._starts.append(self._end)
        self._end += len(batch)

    def read(self, first: int, stop: int) -> bytes:
        """Return the batches `first` up to but not including `stop` with one read."""
        if first >= stop:
            return b""
        start = self._starts[first]
        end = self._starts[stop] if stop < len(self._starts) else self._end
        return os.pread(self._fd, end - start, start)

    def drop_first(self, count: int) -> None:
        """Forget where the first `count` batches lie."""
        del self._starts[:count]

    def load(self) -> list[bytes]:
        """Read the file from its start and cut off a last batch that was not written whole."""
        data = self._path.read_bytes()
        batches: list[bytes] = []
        at = 0
        while at + HEADER_BYTES <= len(data):
            size = BatchHeader.read(memoryview(data)[at:]).size
            if size < HEADER_BYTES or at + size > len(data):
                break
            self._starts.append(at)
            batches.append(data[at : at + size])
            at += size
        os.ftruncate(self._fd, at)
        self._end = at
        return batches

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)
