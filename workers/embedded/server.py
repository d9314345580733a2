"""The sockets: frames in, one request at a time per connection, frames out; and the broker's sense of time.

A frame that cannot be read costs its own connection and nothing else. Listens on 127.0.0.1 only.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import struct
from collections.abc import Callable
from typing import Any

from kafka.protocol.api_header import RequestHeader

from workers.embedded.apis import API_VERSIONS_KEY, APIS, Api
from workers.embedded.call import Call
from workers.embedded.faults import FaultHooks
from workers.embedded.loopback import HOST
from workers.embedded.state import BrokerState

__all__ = ["BrokerServer"]

_LOG = logging.getLogger(__name__)
_TICK_S = 0.05
_MAX_FRAME_BYTES = 100 * 1024 * 1024  # Kafka's socket.request.max.bytes
_READ_AHEAD_BYTES = 4 * 1024 * 1024
_HEADER = struct.Struct(">hhi")  # API key, version, correlation id
# What kafka-python's decoders raise on bytes that are no such request.
_UNREADABLE = (struct.error, IndexError, ValueError, TypeError, KeyError, AttributeError, OverflowError, EOFError)


class _UnreadableError(Exception):
    """The bytes of a request make no sense; the connection must go."""


class BrokerServer:
    """Serves one `BrokerState` until it is stopped; a new server may take the same state over."""

    def __init__(self, state: BrokerState, faults: FaultHooks) -> None:
        self._state = state
        self._faults = faults
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, port: int, on_ready: Callable[[], None], stop: asyncio.Event) -> None:
        """Serve on `port`, say so through `on_ready`, and drop every connection at `stop`.

        Raises:
            OSError: the port cannot be had.

        """
        server = await asyncio.start_server(self._connection, HOST, port, limit=_READ_AHEAD_BYTES)
        self._state.port = port
        self._state.resume()
        on_ready()
        try:
            while not stop.is_set():
                self._state.tick()
                await _either(stop, _TICK_S)
        finally:
            server.close()
            for connection in self._connections:
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            _LOG.debug("connection ended")
        except _UnreadableError as error:
            _LOG.warning("connection closed: %s", error)
        finally:
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        if not _HEADER.size <= size <= _MAX_FRAME_BYTES:
            msg = f"frame of {size} bytes"
            raise _UnreadableError(msg)
        frame = await reader.readexactly(size)
        api_key, version, correlation_id = _HEADER.unpack_from(frame)
        orders = self._faults.take(api_key)
        if orders.delay_s:
            await asyncio.sleep(orders.delay_s)
        if orders.cut_before:
            return False
        api = _row(api_key, version)
        call = _decode(api, version, frame, writer, orders.error_code)
        response = api.handle(self._state, call)
        if inspect.isawaitable(response):
            response = await response
        if orders.cut_after:
            return False
        if response is not None:
            response.with_header(correlation_id=correlation_id)
            writer.write(response.encode(header=True, framed=True))
            await writer.drain()
        return True


def _row(api_key: int, version: int) -> Api:
    api = APIS.get(api_key)
    if api is None or not (api.least <= version <= api.greatest or api_key == API_VERSIONS_KEY):
        msg = f"API {api_key} version {version} is not spoken here"
        raise _UnreadableError(msg)
    return api


def _decode(api: Api, version: int, frame: bytes, writer: asyncio.StreamWriter, forced: int) -> Call:
    if version > api.greatest:  # only ApiVersions gets here: its body is of no interest then
        return Call(None, version, ("", ""), forced)
    try:
        request: Any = api.request.decode(frame, version=version, header=True)
        header: RequestHeader = request.header
    except _UNREADABLE as error:
        msg = f"{api.request.__name__} version {version}: {error!r}"
        raise _UnreadableError(msg) from error
    return Call(request, version, (header.client_id or "", str(writer.get_extra_info("peername", ("",))[0])), forced)


async def _either(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
