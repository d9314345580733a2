"""Providers for the demo and the tests, on 127.0.0.1: scores in the shape of FIRST's EPSS interface, and a slow one.

Answers `GET …?cve=A,B` with the rows it was given and nothing about others, and `GET …?cveId=A`, after a while, with
nothing at all, in the shape of NVD's interface. It knows no real scores and no real records.
Sources of the shapes: https://www.first.org/epss/api and https://nvd.nist.gov/developers/vulnerabilities
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Self
from urllib.parse import parse_qs, urlsplit

__all__ = ["DemoScores"]

Row = Mapping[str, str]
SLOW_S = 3.0


class DemoScores:
    """A server in a thread of this process, from `start` to `stop`."""

    def __init__(self, rows: Sequence[Row]) -> None:
        """Describe a server that knows `rows`; nothing is opened before `start`."""
        self._rows = {row["cve"]: row for row in rows}
        self._server: ThreadingHTTPServer | None = None
        self._stopping = Event()

    @property
    def url(self) -> str:
        """The address of the scores; known while the server runs."""
        return f"{self._origin}/data/v1/epss"

    @property
    def slow_url(self) -> str:
        """The address of the records that take long; known while the server runs."""
        return f"{self._origin}/rest/json/cves/2.0"

    @property
    def _origin(self) -> str:
        port = 0 if self._server is None else self._server.server_address[1]
        return f"http://127.0.0.1:{port}"

    def start(self) -> Self:
        """Serve on a free port. Raises OSError where none can be had."""
        rows, stopping = self._rows, self._stopping

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_slow = "cveId=" in self.path
                if is_slow and stopping.wait(SLOW_S):
                    return
                body = _NO_RECORD if is_slow else _answer(rows, self.path)
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
        self._stopping.set()
        if server is not None:
            server.shutdown()
            server.server_close()


_NO_RECORD = json.dumps(
    {
        "resultsPerPage": 0,
        "startIndex": 0,
        "totalResults": 0,
        "format": "NVD_CVE",
        "version": "2.0",
        "vulnerabilities": [],
    }
).encode()


def _answer(rows: Mapping[str, Row], path: str) -> bytes:
    asked = parse_qs(urlsplit(path).query).get("cve", [""])[0].split(",")
    found = [rows[cve] for cve in asked if cve in rows]
    return json.dumps(
        {"status": "OK", "status-code": 200, "version": "1.0", "total": len(found), "data": found}
    ).encode()
