"""The worker's HTTP port: /metrics, /livez, /readyz. Answers from threads of its own and never waits for the loop.

What it answers is asked of three functions, so it knows neither Prometheus nor the loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any, TypeAlias
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from msgspec import Struct

__all__ = ["HealthServer", "HealthSources"]

WhyNot: TypeAlias = Callable[[], str | None]
_REQUEST_TIMEOUT_S = 5


class HealthSources(Struct, frozen=True, kw_only=True):
    """Where the answers come from: the metrics' text, and the reason why the worker is not live or not ready."""

    metrics: Callable[[], bytes]
    metrics_type: str
    why_not_live: WhyNot
    why_not_ready: WhyNot


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = _REQUEST_TIMEOUT_S

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: a scrape every few seconds is no event."""


class HealthServer:
    """Serves until closed. `port` is the one it really listens on."""

    def __init__(self, host: str, port: int, sources: HealthSources) -> None:
        """Raises OSError where the address cannot be had."""
        self._sources = sources
        self._server = make_server(host, port, self._answer, server_class=_Server, handler_class=_Handler)
        self.port: int = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=_REQUEST_TIMEOUT_S)

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, kind, body = self._page(environ.get("PATH_INFO", "/"))
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    def _page(self, path: str) -> tuple[str, str, bytes]:
        plain = "text/plain; charset=utf-8"
        if path == "/metrics":
            return "200 OK", self._sources.metrics_type, self._sources.metrics()
        if path not in {"/livez", "/readyz"}:
            return "404 Not Found", plain, b"/metrics, /livez and /readyz are here\n"
        why_not = self._sources.why_not_live() if path == "/livez" else self._sources.why_not_ready()
        if why_not is None:
            return "200 OK", plain, b"ok\n"
        return "503 Service Unavailable", plain, f"{why_not}\n".encode()
