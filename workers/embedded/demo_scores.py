"""A score provider for the demo and the tests, in the shape of FIRST's EPSS interface, on 127.0.0.1.

Answers `GET …?cve=A,B` with the rows it was given and nothing about others. It knows no real scores.
Source of the shape: https://www.first.org/epss/api
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self
from urllib.parse import parse_qs, urlsplit

__all__ = ["DemoScores"]

Row = Mapping[str, str]


class DemoScores:
    """A server in a thread of this process, from `start` to `stop`."""

    def __init__(self, rows: Sequence[Row]) -> None:
        """Describe a server that knows `rows`; nothing is opened before `start`."""
        self._rows = {row["cve"]: row for row in rows}
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """The address of the interface; known while the server runs."""
        port = 0 if self._server is None else self._server.server_address[1]
        return f"http://127.0.0.1:{port}/data/v1/epss"

    def start(self) -> Self:
        """Serve on a free port. Raises OSError where none can be had."""
        rows = self._rows

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = _answer(rows, self.path)
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing: what was asked is nobody's business on a terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(0.05,), name="demo-scores", daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop serving and close the port."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


def _answer(rows: Mapping[str, Row], path: str) -> bytes:
    asked = parse_qs(urlsplit(path).query).get("cve", [""])[0].split(",")
    found = [rows[cve] for cve in asked if cve in rows]
    return json.dumps(
        {"status": "OK", "status-code": 200, "version": "1.0", "total": len(found), "data": found}
    ).encode()
