"""A webhook's call: what is sent, what is refused, and that no secret shows."""

from __future__ import annotations

import hashlib
import hmac
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.lookup_server import ProviderServer, hang, reply
from tests.support.lookups import FakeClock
from workers.adapters.http_webhooks import HttpSink
from workers.errors import DependencyError
from workers.formats.webhook import SIGNATURE_HEADER, signature
from workers.settings import HttpSettings
from workers.settings.webhooks import WebhookSettings

HTTP = HttpSettings(
    connect_timeout_ms=500, max_answer_bytes=1_000, user_agent="shirase/test", trust_environment_proxies=False
)
BODY = b'{"id": "1"}'


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    made = ProviderServer()
    made.behaviour = reply(204, b"")
    with made.running():
        yield made


def sink(url: str, *, internal: bool = True, secret: str | None = None) -> HttpSink:
    row = WebhookSettings(name="soc", kind="generic", url=url, internal=internal, tlp_ceiling="GREEN")
    sign = None if secret is None else lambda at, body: (SIGNATURE_HEADER, signature(secret, at, body))
    return HttpSink(row, HTTP, FakeClock(), sign)


def refused(one: HttpSink, timeout_s: float = 1.0) -> DependencyError:
    with pytest.raises(DependencyError) as caught:
        one.send("alert-1", BODY, timeout_s)
    return caught.value


def test_the_alert_is_posted_with_its_key_and_a_signature(server: ProviderServer) -> None:
    sink(server.url, secret="hush").send("alert-1", BODY, 2.0)
    (headers,) = server.headers
    assert server.bodies == [BODY]
    assert (headers["Idempotency-Key"], headers["Content-Type"]) == ("alert-1", "application/json")
    stamp, _, digest = headers[SIGNATURE_HEADER].partition(",")
    seconds = stamp.removeprefix("t=")
    signed = hmac.new(b"hush", f"{seconds}.".encode() + BODY, hashlib.sha256).hexdigest()
    assert digest == f"v1={signed}"


def test_without_a_key_nothing_is_signed(server: ProviderServer) -> None:
    sink(server.url).send("alert-1", BODY, 2.0)
    assert SIGNATURE_HEADER not in server.headers[0]


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_a_refusal_says_its_status_and_nothing_else(server: ProviderServer, status: int) -> None:
    server.behaviour = reply(status, b"no", Retry_After="7")
    error = refused(sink(server.url))
    assert (error.code, error.retry_after) == (f"http-{status}", 7.0)
    assert error.dependency == "soc"


def test_a_redirect_is_not_followed(server: ProviderServer) -> None:
    server.behaviour = reply(302, b"", Location="http://169.254.169.254/")
    assert refused(sink(server.url)).code == "http-302"
    assert len(server.requests) == 1


def test_a_date_to_wait_for_is_passed_over(server: ProviderServer) -> None:
    server.behaviour = reply(503, b"", Retry_After="Wed, 25 Nov 2026 10:00:00 GMT")
    assert refused(sink(server.url)).retry_after is None


def test_a_silent_sink_is_left_in_time(server: ProviderServer) -> None:
    server.behaviour = hang
    assert refused(sink(server.url), 0.2).code == "timeout"


def test_a_closed_port_is_no_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert refused(sink(f"http://127.0.0.1:{taken.getsockname()[1]}/")).code == "connection"


def test_private_addresses_are_refused_unless_internal(server: ProviderServer) -> None:
    assert refused(sink(server.url, internal=False)).code == "address-refused"
    assert server.requests == []


def test_the_address_and_the_key_stand_in_no_error_and_no_log(
    server: ProviderServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    secret_url = server.url.replace("/data", "/T0KEN")
    server.behaviour = reply(500, b"T0KEN")
    errors = [refused(sink(secret_url, secret="hush"))]

    def broken(*_: Any, **__: Any) -> None:
        raise OSError("no route to T0KEN")

    monkeypatch.setattr(socket, "getaddrinfo", broken)
    errors.append(refused(sink("http://T0KEN.example/T0KEN", secret="hush")))
    for error in errors:
        assert "T0KEN" not in str(error)
        assert error.__context__ is None
    assert "T0KEN" not in caplog.text
    assert "hush" not in caplog.text


def test_closing_closes(server: ProviderServer, tmp_path: Path) -> None:
    address = tmp_path / "url"
    address.write_text(server.url)
    row = WebhookSettings(name="soc", kind="slack", url_file=address, internal=True, tlp_ceiling="GREEN")
    one = HttpSink(row, HTTP, FakeClock(), None)
    one.send("alert-1", BODY, 2.0)
    one.close()
