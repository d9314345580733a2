"""Fetching by address: redirects within bounds, one time limit for all, and no address that is not public."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from tests.support.lookup_server import Behaviour, ProviderServer, bomb, cut_short, drip_body, hang, no_http, reply
from tests.support.web import base_of, pages
from workers.adapters.http_download import Downloader, _next
from workers.adapters.process import SystemClock
from workers.errors import DependencyError
from workers.settings import DownloadSettings, HttpSettings

HTTP = HttpSettings(
    connect_timeout_ms=2000, max_answer_bytes=10, user_agent="shirase-test/1", trust_environment_proxies=False
)


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer().running() as running:
        yield running


def downloader(*, internal: bool = True, timeout_s: float = 5.0, max_bytes: int = 1_000_000) -> Downloader:
    bounds = DownloadSettings(timeout_s=timeout_s, max_bytes=max_bytes, max_redirects=3)
    return Downloader(HTTP, bounds, SystemClock(), is_internal=internal)


def code_of(url: str, made: Downloader) -> str:
    with pytest.raises(DependencyError) as caught:
        made.fetch(url)
    made.close()
    return caught.value.code


def test_what_is_there_comes_with_what_the_server_says_of_it(server: ProviderServer) -> None:
    server.behaviour = reply(200, b"caf\xe9", Content_Type="Text/HTML; charset=ISO-8859-1")
    made = downloader()
    found = made.fetch(server.url, "text/html")
    made.close()
    assert (found.url, found.body, found.media_type, found.charset) == (
        server.url,
        b"caf\xe9",
        "text/html",
        "iso-8859-1",
    )
    assert server.headers[0]["Accept"] == "text/html"
    assert server.headers[0]["User-Agent"] == "shirase-test/1"


def test_a_server_that_says_nothing_of_it_is_not_spoken_for(server: ProviderServer) -> None:
    server.behaviour = reply(200, b"x")
    found = downloader().fetch(server.url)
    assert (found.media_type, found.charset) == ("", None)


def test_redirects_are_followed_to_where_it_is(server: ProviderServer) -> None:
    server.behaviour = pages(
        {"/a": reply(301, b"", Location="/b"), "/b": reply(307, b"", Location=base_of(server) + "/c"), "/c": b"there"}
    )
    found = downloader().fetch(base_of(server) + "/a")
    assert (found.url, found.body) == (base_of(server) + "/c", b"there")


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("/a", "too-many-redirects"),
        ("file:///etc/hostname", "not-http"),
        ("ftp://127.0.0.1/x", "not-http"),
        ("", "redirect"),
    ],
)
def test_redirects_that_are_not_followed(server: ProviderServer, location: str, code: str) -> None:
    server.behaviour = pages({"/a": reply(302, b"", Location=location)})
    assert code_of(base_of(server) + "/a", downloader()) == code


def test_no_redirect_leads_from_https_to_http() -> None:
    assert _next("https://example.org/a", "//example.org/b") == "https://example.org/b"
    for location in ("//[", None):
        with pytest.raises(DependencyError, match="redirect"):
            _next("https://example.org/a", location)
    with pytest.raises(DependencyError, match="redirect-to-http"):
        _next("https://example.org/a", "http://example.org/b")


def test_an_address_that_is_not_public_is_refused_unless_that_is_wanted(server: ProviderServer) -> None:
    server.behaviour = reply(200, b"x")
    for url in (server.url, server.url.replace("127.0.0.1", "localhost"), server.url.replace("127.0.0.1", "[::1]")):
        assert code_of(url, downloader(internal=False)) == "address-refused"
    assert server.requests == []


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (reply(404), "http-404"),
        (reply(204), "http-204"),
        (reply(503, b"", Retry_After="9"), "http-503"),
        (reply(200, bytes(2_000_000)), "too-large"),
        (bomb(3), "too-large"),
        (no_http, "connection"),
        (cut_short, "connection"),
    ],
)
def test_answers_that_are_not_taken(server: ProviderServer, behaviour: Behaviour, code: str) -> None:
    server.behaviour = behaviour
    assert code_of(server.url, downloader()) == code


@pytest.mark.parametrize("behaviour", [hang, drip_body])
def test_all_of_it_within_the_time_limit(server: ProviderServer, behaviour: Behaviour) -> None:
    server.behaviour = behaviour
    began = time.monotonic()
    assert code_of(server.url, downloader(timeout_s=0.4)) == "timeout"
    assert time.monotonic() - began < 3


def test_the_time_limit_is_one_for_all_fetches(server: ProviderServer) -> None:
    def slow(handler: BaseHTTPRequestHandler, running: ProviderServer) -> None:
        running.closing.wait(0.3)
        reply(200, b"x")(handler, running)

    server.behaviour = slow
    made = downloader(timeout_s=0.5)
    made.fetch(server.url)
    assert code_of(server.url, made) == "timeout"


def test_a_certificate_that_nobody_vouches_for_is_no_connection(server: ProviderServer) -> None:
    assert code_of(server.url.replace("http:", "https:"), downloader()) in {"tls", "connection"}
