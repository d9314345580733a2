"""A few threads for calls that may take long: a bounded number of them, and a bounded number of calls under way.

Daemon threads, unlike those of `concurrent.futures`: a call that hangs in name resolution must not keep a process
from ending. They start when there is work.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread, current_thread

from workers.ports import Clock

__all__ = ["ThreadPool"]


class ThreadPool:
    """Runs tasks on at most `threads` threads; refuses a task when `threads * backlog` are waiting or running."""

    def __init__(self, name: str, *, threads: int, backlog: int = 8) -> None:
        self._name = name
        self._size = threads
        self._limit = threads * backlog
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._under_way = 0
        self._is_closed = False
        self._lock = Lock()

    def submit(self, task: Callable[[], None]) -> bool:
        """Run `task` soon. False where the pool is full or closed: then it never runs."""
        with self._lock:
            if self._is_closed or self._under_way >= self._limit:
                return False
            self._under_way += 1
            self._tasks.put(task)
            if len(self._threads) < min(self._size, self._under_way):
                self._start_thread()
            return True

    def close(self, clock: Clock, deadline: float) -> bool:
        """Take no more tasks and wait for those under way, until `deadline` (monotonic). False where some still run."""
        with self._lock:
            self._is_closed = True
            threads = list(self._threads)
            for _ in threads:
                self._tasks.put(None)
        for thread in threads:
            thread.join(max(0.0, deadline - clock.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _start_thread(self) -> None:
        thread = Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        is_done = False
        try:
            while (task := self._tasks.get()) is not None:
                self._run(task)
            is_done = True
        finally:
            if not is_done:
                self._replace(current_thread())

    def _replace(self, thread: Thread) -> None:
        """A task broke, which is a bug and is shown as one. Its thread ends, and leaves a successor for the rest."""
        with self._lock:
            self._threads.remove(thread)
            self._start_thread()

    def _run(self, task: Callable[[], None]) -> None:
        try:
            task()
        finally:
            with self._lock:
                self._under_way -= 1
