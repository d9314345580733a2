"""What the alerter asks of the world beside what all ask. No I/O here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from workers.model import OutgoingRecord, Record

__all__ = ["Lane", "LaneCommit", "Outlet", "Sink"]


class LaneCommit(Struct, frozen=True, kw_only=True):
    """What one batch of a lane led to: records to publish, rows to store (None removes), and the next offset to fold."""

    outputs: Sequence[OutgoingRecord]
    rows: Mapping[str, bytes | None]
    position: int


class Lane(Protocol):
    """One partition of a fold: its input, its state, and the right to write that state together with what comes of it.

    Laws: one owner at a time; taking a lane fences every earlier owner and decides what that left open, so `restore`
    sees each commit that was ever decided, whole; `commit` makes outputs, rows and position visible together, once, or
    not at all.
    """

    def restore(self) -> tuple[Mapping[str, bytes], int]:
        """The rows, and the input's offset to fold next (the oldest there is, where nothing is stored).

        Raises DependencyError; FatalError.
        """
        ...

    def read(self, start: int, end: int) -> Sequence[Record]:
        """The input's records from offset `start` to before `end`.

        Raises DependencyError; FatalError where they are no longer in the log.
        """
        ...

    def commit(self, commit: LaneCommit) -> None:
        """See the laws. After any error the lane is of no more use.

        Raises BatchLost where it is not certain what became of it; FencedError; FatalError.
        """
        ...

    def close(self) -> None:
        """Close the clients within a bounded time."""
        ...


class Outlet(Protocol):
    """Publishes at least once, apart from any transaction."""

    def publish(self, outputs: Sequence[OutgoingRecord]) -> None:
        """Returns when every record was acknowledged. Raises DependencyError; FatalError."""
        ...

    def close(self) -> None:
        """Close the client within a bounded time."""
        ...


class Sink(Protocol):
    """Takes alerts outside of Kafka."""

    def send(self, key: str, body: bytes, timeout_s: float) -> None:
        """Returns when the sink has taken `body`; `key` tells it that one comes again.

        Raises DependencyError within `timeout_s`: `code` says why, `http-<status>` where the sink answered.
        """
        ...

    def close(self) -> None:
        """Close the connections."""
        ...
