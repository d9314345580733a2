"""A provider on loopback that answers in the documented shape of FIRST's EPSS, and misbehaves on request."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

__all__ = [
    "Behaviour",
    "ProviderServer",
    "bomb",
    "cut_short",
    "drip_body",
    "drip_headers",
    "epss",
    "half_open",
    "hang",
    "no_http",
    "reply",
    "stall",
]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what these tests are about."""


class ProviderServer:
    """Runs while it is open. `behaviour` may be exchanged at any time; `requests` holds what was asked."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = epss
        self.scores: dict[str, str] = {"CVE-2022-27225": "0.001330000"}
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/data/v1/epss"

    def asked(self) -> list[list[str]]:
        """The CVE ids of each request."""
        return [cves_of(path) for path in self.requests]

    @contextmanager
    def running(self) -> Iterator[ProviderServer]:
        self._thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.requests.append(self.path)
                server.headers.append(dict(self.headers.items()))
                server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
                server.behaviour(self, server)

            do_POST = do_GET  # noqa: N815 - the base's name

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                """Be quiet."""

        return Handler


Behaviour = Callable[[BaseHTTPRequestHandler, ProviderServer], None]


def cves_of(path: str) -> list[str]:
    return [cve for part in parse_qs(urlsplit(path).query).get("cve", []) for cve in part.split(",")]


def send(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
    handler.send_response(status)
    for name, value in ({"Content-Length": str(len(body))} | headers).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def document(server: ProviderServer, cves: list[str]) -> dict[str, object]:
    rows = [
        {"cve": cve, "epss": server.scores[cve], "percentile": "0.483330000", "date": "2022-03-01"}
        for cve in cves
        if cve in server.scores
    ]
    return {"status": "OK", "status-code": 200, "version": "1.0", "total": len(rows), "offset": 0, "data": rows}


def epss(handler: BaseHTTPRequestHandler, server: ProviderServer) -> None:
    body = json.dumps(document(server, cves_of(handler.path))).encode()
    send(handler, 200, {"Content-Type": "application/json"}, body)


def reply(status: int, body: bytes = b"{}", **headers: str) -> Behaviour:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, _: send(handler, status, named, body)


def hang(_: BaseHTTPRequestHandler, server: ProviderServer) -> None:
    server.closing.wait(20)


def drip_body(handler: BaseHTTPRequestHandler, server: ProviderServer) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not server.closing.wait(0.02):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def drip_headers(handler: BaseHTTPRequestHandler, server: ProviderServer) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not server.closing.wait(0.02):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def no_http(handler: BaseHTTPRequestHandler, _: ProviderServer) -> None:
    handler.wfile.write(b"SSH-2.0-x\r\n\r\n")
    handler.close_connection = True


def bomb(megabytes: int) -> Behaviour:
    packer, block = zlib.compressobj(wbits=31), b" " * (1024 * 1024)
    packed = b"".join(packer.compress(block) for _ in range(megabytes)) + packer.flush()
    return reply(200, packed, Content_Encoding="gzip")


def stall(handler: BaseHTTPRequestHandler, server: ProviderServer) -> None:
    """Half an answer late in the caller's second, and then nothing more."""
    server.closing.wait(0.8)
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.wfile.flush()
    server.closing.wait(20)


def half_open(handler: BaseHTTPRequestHandler, server: ProviderServer) -> None:
    """A head that promises an answer, and then nothing: the connection stays open, as if the other end were gone."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.flush()
    server.closing.wait(20)


def cut_short(handler: BaseHTTPRequestHandler, server: ProviderServer) -> None:
    body = json.dumps(document(server, cves_of(handler.path))).encode()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    handler.close_connection = True
