"""Fetches what a person named by its address: a feed, a page, a catalogue (requests). Knows nothing of what is in it.

Every call is bounded as in `http_call`; redirects are followed here, a few, each to an address that is looked at as the
first was, and never from https to http. All fetches of one Downloader share one time limit.
"""

from __future__ import annotations

import time
from dataclasses import replace
from email.message import Message
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from workers.adapters.http_call import OK, Answer, HttpCaller
from workers.errors import DependencyError
from workers.ports import Clock
from workers.settings import DownloadSettings, HttpSettings

__all__ = ["Download", "Downloader"]

_REDIRECTS = (301, 302, 303, 307, 308)
_NAME = "download"


class Download(Struct, frozen=True, kw_only=True):
    """What came back. `url`: where it was found in the end; `media_type` in small letters, empty where nobody said."""

    url: str
    media_type: str
    charset: str | None
    body: bytes


class _Target(Struct, frozen=True):
    """See `http_call.CallTarget`."""

    internal: bool
    provider: str = _NAME
    concurrency: int = 1
    key_header: str = ""
    key_prefix: str = ""


class Downloader:
    """For one thread. Its time runs from when it is built."""

    def __init__(self, http: HttpSettings, bounds: DownloadSettings, clock: Clock, *, is_internal: bool) -> None:
        """Opens no connection. `is_internal`: addresses that are not public are allowed."""
        bounded = replace(http, max_answer_bytes=bounds.max_bytes)
        self._caller = HttpCaller(_Target(is_internal), bounded, clock, None)
        self._hops = bounds.max_redirects
        self._deadline = time.monotonic() + bounds.timeout_s

    def fetch(self, url: str, accept: str = "*/*") -> Download:
        """What stands at `url`, with status 200.

        Raises DependencyError: the codes of `http_call`, or `not-http`, `too-many-redirects`, `redirect-to-http`.
        """
        address = url
        for _ in range(self._hops + 1):
            answer = self._ask(address, accept)
            if answer.status == OK:
                return _download(address, answer)
            address = _next(address, answer.headers.get("Location"))
        raise DependencyError(_NAME, "too-many-redirects")

    def close(self) -> None:
        """Close the connections."""
        self._caller.close()

    def _ask(self, address: str, accept: str) -> Answer:
        if urlsplit(address).scheme not in {"http", "https"}:
            raise DependencyError(_NAME, "not-http")
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise DependencyError(_NAME, "timeout")
        options = {"headers": {"Accept": accept}}
        return self._caller.call("GET", address, options, expected=_REDIRECTS, timeout_s=left)


def _next(address: str, location: str | None) -> str:
    try:
        found = urljoin(address, location or "")
        schemes = urlsplit(address).scheme, urlsplit(found).scheme
    except ValueError as error:
        raise DependencyError(_NAME, "redirect") from error
    if not location:
        raise DependencyError(_NAME, "redirect")
    if schemes == ("https", "http"):
        raise DependencyError(_NAME, "redirect-to-http")
    return found


def _download(address: str, answer: Answer) -> Download:
    header = Message()
    header["Content-Type"] = answer.headers.get("Content-Type") or ""
    said = header["Content-Type"].strip()
    media_type = header.get_content_type() if said else ""
    return Download(url=address, media_type=media_type, charset=header.get_content_charset(), body=answer.body)
