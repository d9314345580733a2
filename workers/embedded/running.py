"""One run of the broker's server in a daemon thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future

from workers.embedded.server import BrokerServer

__all__ = ["ServerThread"]

_PATIENCE_S = 30.0


class ServerThread:
    """Runs the server until `stop`; cannot be used again."""

    def __init__(self, server: BrokerServer, port: int) -> None:
        self._ready: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._main, args=(server, port), name="embedded-broker", daemon=True)
        self._thread.start()

    def wait_until_ready(self) -> None:
        """Return once the server listens.

        Raises:
            OSError: it could not.

        """
        self._ready.result(_PATIENCE_S)

    def do(self, action: Callable[[], None]) -> None:
        """Run the action in the server's thread, between requests, and wait for it."""

        async def run() -> None:
            action()

        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(run(), self._loop).result(_PATIENCE_S)

    def stop(self) -> None:
        """Drop every connection, end the thread and wait for its end."""
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_PATIENCE_S)

    def _main(self, server: BrokerServer, port: int) -> None:
        asyncio.run(self._serve(server, port))

    async def _serve(self, server: BrokerServer, port: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        try:
            await server.serve(port, lambda: self._ready.set_result(None), self._stop)
        except OSError as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)
