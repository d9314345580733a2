"""What the marking forbids leaves the process in no form: not to the provider, not to the cache server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.lookup_server import ProviderServer
from tests.support.lookups import build, lookup_settings, request_for, statuses
from workers.adapters.http_json import HttpJsonProvider
from workers.adapters.process import SystemClock
from workers.adapters.redis_cache import RedisCacheStore
from workers.embedded.valkey import EmbeddedValkey
from workers.enrich.rows import LookupRow, row_of
from workers.model import Tlp
from workers.settings import HttpSettings, RedisSettings

FORBIDDEN = [None, Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED]


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer().running() as running:
        yield running


def row(server: ProviderServer, *, internal: bool) -> LookupRow:
    settings = lookup_settings(
        provider="first-epss",
        internal=internal,
        endpoint=server.url,
        parameter="cve",
        rows="/data",
        key="/cve",
        answers={"epss": "/epss"},
    )
    http = HttpSettings(
        connect_timeout_ms=500, max_answer_bytes=1_000_000, user_agent="t", trust_environment_proxies=False
    )
    # The provider is internal so that it may call loopback; what the row says decides about the marking.
    provider = HttpJsonProvider(lookup_settings(**{**_fields(settings), "internal": True}), http, SystemClock(), None)
    return row_of(settings, provider, is_local=False, jitter=0.0, key_prefix="test")


def _fields(settings: Any) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in type(settings).__slots__}


def test_nothing_leaves_the_process(
    server: ProviderServer, valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RedisCacheStore(RedisSettings(url=valkey.url, timeout_ms=500, key_prefix="test"), None)
    enricher = build([row(server, internal=False)], SystemClock(), store)
    sent: list[Any] = []
    real_connect, real_send, real_sendall = socket.socket.connect, socket.socket.send, socket.socket.sendall

    def tell(what: Any, real: Any) -> Any:
        def told(*args: Any) -> Any:
            sent.append((what, args[1:], threading.current_thread().name))
            return real(*args)

        return told

    monkeypatch.setattr(socket.socket, "connect", tell("connect", real_connect))
    monkeypatch.setattr(socket.socket, "send", tell("send", real_send))
    monkeypatch.setattr(socket.socket, "sendall", tell("sendall", real_sendall))
    monkeypatch.setattr(socket, "getaddrinfo", tell_function(sent, socket.getaddrinfo))

    for tlp in FORBIDDEN:
        (lookups,) = enricher.look_up([request_for("CVE-2022-27225", tlp=tlp)])
        assert statuses(lookups) == [("CVE-2022-27225", "withheld")]
        assert lookups[0].value is None
        assert lookups[0].fetched_at is None
    enricher.close()
    assert sent == []
    assert server.requests == []

    # The same watch sees what is allowed: it is not blind.
    again = build([row(server, internal=False)], SystemClock(), store)
    assert statuses(again.look_up([request_for("CVE-2022-27225", tlp=Tlp.GREEN)])[0]) == [("CVE-2022-27225", "found")]
    again.close()
    assert sent != []
    assert server.asked() == [["CVE-2022-27225"]]
    store.close()


def tell_function(sent: list[Any], real: Any) -> Any:
    def told(*args: Any, **options: Any) -> Any:
        sent.append(("getaddrinfo", args, threading.current_thread().name))
        return real(*args, **options)

    return told


def test_a_forbidden_item_does_not_ride_along_with_an_allowed_one(server: ProviderServer) -> None:
    enricher = build([row(server, internal=False)], SystemClock())
    allowed, forbidden = enricher.look_up(
        [request_for("CVE-2022-27225"), request_for("CVE-2022-27225", "CVE-SECRET", tlp=Tlp.RED)]
    )
    assert statuses(allowed) == [("CVE-2022-27225", "found")]
    assert statuses(forbidden) == [("CVE-2022-27225", "withheld"), ("CVE-SECRET", "withheld")]
    enricher.close()
    assert server.asked() == [["CVE-2022-27225"]]


def test_a_provider_of_the_house_may_be_asked_about_what_is_not_marked(server: ProviderServer) -> None:
    enricher = build([row(server, internal=True)], SystemClock())
    assert statuses(enricher.look_up([request_for("CVE-2022-27225", tlp=None)])[0]) == [("CVE-2022-27225", "found")]
    assert statuses(enricher.look_up([request_for("CVE-2022-27225", tlp=Tlp.RED)])[0]) == [
        ("CVE-2022-27225", "withheld")
    ]
    enricher.close()
