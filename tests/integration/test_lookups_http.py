"""A provider over real HTTP on loopback, well behaved and not. Every fault is a short code, in time, and leaks nothing."""

from __future__ import annotations

import logging
import shutil
import ssl
import subprocess
import threading
import time
import traceback
import tracemalloc
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.lookup_server import (
    Behaviour,
    ProviderServer,
    bomb,
    cut_short,
    drip_body,
    drip_headers,
    epss,
    half_open,
    hang,
    no_http,
    reply,
    stall,
)
from tests.support.lookups import lookup_settings
from tests.support.requirement import require
from workers.adapters.http_json import HttpJsonProvider
from workers.adapters.process import SystemClock
from workers.errors import DependencyError
from workers.ports import ProviderAnswer
from workers.settings import HttpSettings

LIMIT_S = 0.4


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer().running() as running:
        yield running


def http(**changes: Any) -> HttpSettings:
    values: dict[str, Any] = {
        "connect_timeout_ms": 300,
        "max_answer_bytes": 1_000_000,
        "user_agent": "shirase/test",
        "trust_environment_proxies": False,
    }
    return HttpSettings(**(values | changes))


def provider_of(
    url: str, *, settings: HttpSettings | None = None, secret: str | None = None, **changes: Any
) -> HttpJsonProvider:
    values: dict[str, Any] = {
        "provider": "first-epss",
        "internal": True,
        "endpoint": url,
        "parameter": "cve",
        "rows": "/data",
        "key": "/cve",
        "answers": {"epss": "/epss", "percentile": "/percentile", "date": "/date"},
        "numbers": ("epss", "percentile"),
    }
    return HttpJsonProvider(lookup_settings(**(values | changes)), settings or http(), SystemClock(), secret)


@pytest.fixture
def provider(server: ProviderServer) -> Iterator[HttpJsonProvider]:
    made = provider_of(server.url)
    yield made
    made.close()


def test_epss_as_it_is_documented(server: ProviderServer, provider: HttpJsonProvider) -> None:
    answers = provider.fetch(["CVE-2022-27225", "CVE-2022-0000"], 5.0)
    assert answers == {
        "CVE-2022-27225": ProviderAnswer(value={"epss": 0.00133, "percentile": 0.48333, "date": "2022-03-01"}),
        "CVE-2022-0000": ProviderAnswer(value=None),
    }
    assert server.asked() == [["CVE-2022-27225", "CVE-2022-0000"]]
    assert server.headers[0]["User-Agent"] == "shirase/test"


def test_connections_are_used_again_and_cookies_are_not_kept(
    server: ProviderServer, provider: HttpJsonProvider
) -> None:
    server.behaviour = reply(200, b'{"data": []}', Set_Cookie="id=1; Path=/")
    provider.fetch(["CVE-1"], 5.0)
    provider.fetch(["CVE-2"], 5.0)
    assert "Cookie" not in server.headers[1]
    adapter: Any = provider._caller.session.adapters["http://"]
    pools = adapter.poolmanager.pools
    (pool,) = [pools[key] for key in pools.keys()]  # noqa: SIM118 - not a mapping that iterates
    assert pool.num_connections == 1


FAULTS: dict[str, tuple[Behaviour, str]] = {
    "404": (reply(404), "http-404"),
    "403": (reply(403), "http-403"),
    "500": (reply(500, b"oops"), "http-500"),
    "503": (reply(503), "http-503"),
    "204": (reply(204, b""), "http-204"),
    "redirect": (reply(302, b"", Location="http://127.0.0.1:1/"), "redirect"),
    "permanent redirect": (reply(308, b"", Location="/elsewhere"), "redirect"),
    "hang": (hang, "timeout"),
    "half-open": (half_open, "timeout"),
    "dripping body": (drip_body, "timeout"),
    "dripping headers": (drip_headers, "timeout"),
    "no JSON": (reply(200, b"<html>"), "wrong-shape"),
    "empty": (reply(200, b""), "wrong-shape"),
    "another shape": (reply(200, b'{"data": {"CVE-1": 1}}'), "wrong-shape"),
    "nested deep": (reply(200, b"[" * 500_000), "wrong-shape"),
    "oversized": (reply(200, b" " * 1_000_001), "too-large"),
    "bomb": (bomb(64), "too-large"),
    "cut short": (cut_short, "connection"),
    "no HTTP": (no_http, "connection"),
    "broken gzip": (reply(200, b"\x1f\x8b\x08not", Content_Encoding="gzip"), "connection"),
    "endless header": (reply(200, X="x" * 100_000), "connection"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_a_code_in_time_and_leaks_nothing(
    name: str, server: ProviderServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.behaviour, code = FAULTS[name]
    provider = provider_of(server.url, secret="s3cret-key", key_header="X-Key")
    started = time.monotonic()
    with pytest.raises(DependencyError) as caught:
        provider.fetch(["CVE-1"], LIMIT_S)
    assert time.monotonic() - started < LIMIT_S + 0.5
    assert caught.value.code == code
    assert caught.value.dependency == "first-epss"
    said = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "s3cret-key" not in said
    assert "CVE-1" not in said.replace('fetch(["CVE-1"]', "")
    provider.close()


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_too_many_requests_says_for_how_long(server: ProviderServer, provider: HttpJsonProvider, form: str) -> None:
    header = "120" if form == "seconds" else formatdate(time.time() + 120, usegmt=True)
    server.behaviour = reply(429, b"", Retry_After=header)
    with pytest.raises(DependencyError) as caught:
        provider.fetch(["CVE-1"], 5.0)
    assert caught.value.code == "http-429"
    assert caught.value.retry_after == pytest.approx(120, abs=15)


def test_the_time_limit_is_for_all_of_it(server: ProviderServer, provider: HttpJsonProvider) -> None:
    server.behaviour = stall
    started = time.monotonic()
    with pytest.raises(DependencyError, match="first-epss: timeout"):
        provider.fetch(["CVE-1"], 1.0)
    assert time.monotonic() - started < 1.5


def test_after_a_fault_it_works_again(server: ProviderServer, provider: HttpJsonProvider) -> None:
    for behaviour in (cut_short, hang, bomb(8), reply(500)):
        server.behaviour = behaviour
        with pytest.raises(DependencyError):
            provider.fetch(["CVE-1"], 0.2)
        server.behaviour = epss
        assert provider.fetch(["CVE-2022-27225"], 5.0)["CVE-2022-27225"].value


def test_a_bomb_costs_no_memory(server: ProviderServer, provider: HttpJsonProvider) -> None:
    server.behaviour = bomb(100)
    tracemalloc.start()
    try:
        with pytest.raises(DependencyError, match="too-large"):
            provider.fetch(["CVE-1"], 5.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_nobody_listens(server: ProviderServer) -> None:
    provider = provider_of("http://127.0.0.1:1/")
    with pytest.raises(DependencyError, match="first-epss: connection"):
        provider.fetch(["CVE-1"], 5.0)
    provider.close()


def test_the_environment_is_not_asked(server: ProviderServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1/")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    provider = provider_of(server.url)
    assert provider.fetch(["CVE-2022-27225"], 5.0)["CVE-2022-27225"].value
    assert "Authorization" not in server.headers[0]
    provider.close()


def test_a_key_file_becomes_a_header(server: ProviderServer) -> None:
    provider = provider_of(server.url, secret="s3cret", key_header="X-Api-Key")
    provider.fetch(["CVE-1"], 5.0)
    assert server.headers[0]["X-Api-Key"] == "s3cret"
    provider.close()


def test_keys_may_be_posted(server: ProviderServer) -> None:
    server.behaviour = reply(200, b'{"data": [{"cve": "CVE-1", "epss": 1}]}')
    provider = provider_of(server.url, method="POST")
    assert provider.fetch(["CVE-1", "CVE-2"], 5.0)["CVE-1"].value == {"epss": 1.0, "percentile": None, "date": None}
    assert server.bodies == [b'{"cve":["CVE-1","CVE-2"]}']
    provider.close()


def test_a_key_may_stand_in_the_path_and_a_status_may_mean_nothing_known(server: ProviderServer) -> None:
    url = server.url + "/{key}"
    provider = provider_of(url, parameter=None, batch=1, key=None, rows="", not_found_statuses=(404,))
    server.behaviour = reply(200, b'{"epss": "0.5"}')
    assert provider.fetch(["a/../b?c"], 5.0)["a/../b?c"].value == {"epss": 0.5, "percentile": None, "date": None}
    assert server.requests[0].endswith("/a%2F..%2Fb%3Fc")
    server.behaviour = reply(404, b"not here")
    assert provider.fetch(["x"], 5.0) == {"x": ProviderAnswer(value=None)}
    provider.close()


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        reply(200, b'{"data": []}')(self, ProviderServer.__new__(ProviderServer))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Be quiet."""


def make_certificate(folder: Path, *, days: int) -> tuple[Path, Path]:
    """A certificate that vouches for itself for so many days, and its key."""
    require(None if shutil.which("openssl") else "no openssl program found")
    certificate, key, request = folder / "cert.pem", folder / "key.pem", folder / "request.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    ask: list[str | Path] = [
        "openssl",
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        *subject,
        "-keyout",
        key,
        "-out",
        request,
    ]
    sign: list[str | Path] = [
        "openssl",
        "x509",
        "-req",
        "-in",
        request,
        "-signkey",
        key,
        "-days",
        str(days),
        "-out",
        certificate,
    ]
    for command in (ask, [*sign, "-copy_extensions", "copy"]):
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    return certificate, key


@pytest.fixture
def self_signed(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[str, Path]]:
    """An https server that vouches for itself, and its certificate."""
    certificate, key = make_certificate(tmp_path, days=getattr(request, "param", 2))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hello) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}/", certificate
        server.shutdown()
        thread.join(5)


def test_certificates_are_checked(self_signed: tuple[str, Path]) -> None:
    url, certificate = self_signed
    stranger, friend = provider_of(url), provider_of(url, settings=http(ca_file=certificate))
    with pytest.raises(DependencyError, match="first-epss: tls"):
        stranger.fetch(["CVE-1"], 5.0)
    assert friend.fetch(["CVE-1"], 5.0) == {"CVE-1": ProviderAnswer(value=None)}
    stranger.close()
    friend.close()


def test_the_name_in_the_certificate_is_checked(self_signed: tuple[str, Path]) -> None:
    url, certificate = self_signed
    provider = provider_of(url.replace("127.0.0.1", "localhost"), settings=http(ca_file=certificate))
    with pytest.raises(DependencyError, match="first-epss: tls"):
        provider.fetch(["CVE-1"], 5.0)
    provider.close()


@pytest.mark.parametrize("self_signed", [-1], indirect=True)
def test_a_certificate_that_has_expired_is_none(self_signed: tuple[str, Path]) -> None:
    url, certificate = self_signed
    provider = provider_of(url, settings=http(ca_file=certificate))
    with pytest.raises(DependencyError, match="first-epss: tls"):
        provider.fetch(["CVE-1"], 5.0)
    provider.close()
