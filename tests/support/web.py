"""Pages on loopback for what is fetched by its address: each path with its answer."""

from __future__ import annotations

from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from tests.support.lookup_server import Behaviour, ProviderServer, reply

__all__ = ["base_of", "pages"]


def base_of(server: ProviderServer) -> str:
    """The server's address, without a path."""
    parts = urlsplit(server.url)
    return f"{parts.scheme}://{parts.netloc}"


def pages(answers: Mapping[str, Behaviour | bytes]) -> Behaviour:
    """Answers each path as `answers` says (bytes: status 200), and any other with 404."""

    def answer(handler: BaseHTTPRequestHandler, server: ProviderServer) -> None:
        found = answers.get(urlsplit(handler.path).path, reply(404))
        (reply(200, found) if isinstance(found, bytes) else found)(handler, server)

    return answer
