"""Addresses on the command line: what may be one, fetching what stands there, and saying in words why that failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeAlias
from urllib.parse import urlsplit

import typer

from workers.errors import DependencyError, ShiraseError

if TYPE_CHECKING:
    from workers.adapters.http_download import Download, Downloader
    from workers.settings import Settings

__all__ = ["FetchError", "Internal", "fetch", "is_address", "open_downloader", "shown"]

Internal: TypeAlias = Annotated[
    bool, typer.Option("--internal", help="Let the address lead to a machine that is not on the public network.")
]
_WORDS = {
    "address-refused": "leads to an address that is not public; --internal allows that",
    "timeout": "did not answer in full within download.timeout_s",
    "too-large": "is larger than download.max_bytes",
    "tls": "has no certificate that we trust (http.ca_file names a file of authorities)",
    "connection": "cannot be reached",
    "not-http": "leads to something that is neither http:// nor https://",
    "redirect": "redirects without a usable address",
    "redirect-to-http": "redirects from https to http, which is not followed",
    "too-many-redirects": "redirects more often than download.max_redirects",
}


class FetchError(ShiraseError):
    """What a person asked for could not be had. The message names the address, without its query, and the reason."""


def is_address(text: str) -> bool:
    """Whether `text` is meant as an address on the network. Raises typer.BadParameter for one that cannot be used."""
    if not text.lower().startswith(("http://", "https://")):
        return False
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise typer.BadParameter(f"{text} is no address: expected https://host/path")
    if parts.username is not None or parts.password is not None:
        raise typer.BadParameter("an address with a user or password in it: expected https://host/path")
    return True


def shown(url: str) -> str:
    """`url` as messages may show it: a query often holds a key."""
    parts = urlsplit(url)
    return parts._replace(query="…" if parts.query else "", fragment="").geturl()


@contextmanager
def open_downloader(settings: Settings, *, is_internal: bool) -> Iterator[Downloader]:
    """A Downloader within the settings' bounds, closed at the end."""
    from workers.adapters.http_download import Downloader
    from workers.adapters.process import SystemClock

    downloader = Downloader(settings.http, settings.download, SystemClock(), is_internal=is_internal)
    try:
        yield downloader
    finally:
        downloader.close()


def fetch(downloader: Downloader, url: str, accept: str = "*/*") -> Download:
    """What stands at `url`. Raises FetchError."""
    try:
        return downloader.fetch(url, accept)
    except DependencyError as error:
        reason = _WORDS.get(error.code) or f"answered with HTTP status {error.code.removeprefix('http-')}, expected 200"
        raise FetchError(f"{shown(url)} {reason}") from error
