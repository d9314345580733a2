"""Everything the broker knows, in one object that outlives its server: topics, offsets, groups, transactions.

Serves one thread (the server's loop); nothing here does network I/O.
"""

from __future__ import annotations

import asyncio
import time
from itertools import chain
from pathlib import Path

from workers.embedded.group_offsets import GroupOffsets
from workers.embedded.groups import Groups
from workers.embedded.journal import DiskJournal, Journal, MemoryJournal
from workers.embedded.topics import Topics
from workers.embedded.transactions import Transactions

__all__ = ["Arrivals", "BrokerState"]

NODE_ID = 1
CLUSTER_ID = "shirase-embedded-brokr"  # 22 characters, as long as Kafka's own


class Arrivals:
    """Wakes long polls when records or markers arrive."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake everyone who waits."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, timeout_s: float) -> None:
        """Return when something arrives or after `timeout_s`."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait([waiter], timeout=timeout_s)
        finally:
            self._waiting.discard(waiter)


class BrokerState:
    """The broker without its sockets."""

    def __init__(self, data_dir: Path | None) -> None:
        """Load what is kept under `data_dir`, or begin empty and keep nothing.

        Raises:
            BlockingIOError: another broker uses the directory.
            OSError: the directory cannot be used.

        """
        self._journal: Journal = MemoryJournal() if data_dir is None else DiskJournal(data_dir)
        self.topics = Topics(self._journal)
        self.offsets = GroupOffsets(self._journal)
        self.groups = Groups(self.offsets, time.monotonic)
        self.transactions = Transactions(self._journal, self.topics, self.offsets, _now_ms)
        self.arrivals = Arrivals()
        self.port = 0
        entries = self._journal.load()
        self.topics.apply(entries)
        self.offsets.apply(entries)
        self.transactions.apply(entries)
        parts = (self.topics.snapshot(), self.offsets.snapshot(), self.transactions.snapshot())
        self._journal.rewrite(list(chain.from_iterable(parts)))

    def tick(self) -> None:
        """Let time pass: expire sessions, finish rebalances, abort overdue transactions."""
        self.groups.expire()
        if self.transactions.abort_overdue():
            self.arrivals.ring()

    def resume(self) -> None:
        """Prepare for a new server after a stop."""
        self.groups.resume()

    def close(self) -> None:
        """Let go of files; no other call may follow."""
        self.topics.close()
        self._journal.close()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
