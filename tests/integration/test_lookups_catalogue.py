"""A catalogue that is fetched whole: CISA's, as documented, from a local server. Time is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.support.lookup_server import ProviderServer, hang, reply, send
from tests.support.lookups import (
    FakeClock,
    RecordingTelemetry,
    build,
    lookup_settings,
    request_for,
    row_for,
    statuses,
    wait_for,
)
from workers.adapters.http_catalogue import HttpCatalogueProvider
from workers.enrich import CachedEnricher
from workers.enrich.breaker import BreakerPolicy, BreakerState, Gate
from workers.errors import DependencyError
from workers.model import Tlp
from workers.settings import HttpSettings

HTTP = HttpSettings(
    connect_timeout_ms=1000, max_answer_bytes=1_000_000, user_agent="shirase/test", trust_environment_proxies=False
)


def entry(cve: str, **changes: Any) -> dict[str, Any]:
    return {
        "cveID": cve,
        "vendorProject": "Example",
        "product": "Gateway",
        "vulnerabilityName": "Example Gateway Command Injection",
        "dateAdded": "2026-01-02",
        "shortDescription": "…",
        "requiredAction": "Apply updates",
        "dueDate": "2026-01-23",
        "knownRansomwareCampaignUse": "Known",
        "notes": "",
        "cwes": ["CWE-78"],
    } | changes


class Kev:
    """CISA's catalogue: honours conditional requests, remembers what was sent."""

    def __init__(self, *cves: str) -> None:
        self.version = 1
        self.rows = [entry(cve) for cve in cves]
        self.sent: list[int] = []

    def __call__(self, handler: BaseHTTPRequestHandler, _: ProviderServer) -> None:
        tag = f'"v{self.version}"'
        if handler.headers.get("If-None-Match") == tag:
            self.sent.append(304)
            handler.send_response(304)
            handler.send_header("ETag", tag)
            handler.end_headers()
            return
        self.sent.append(200)
        document = {"title": "CISA Catalog", "catalogVersion": "2026.01.02", "count": 1, "vulnerabilities": self.rows}
        headers = {"ETag": tag, "Last-Modified": "Fri, 02 Jan 2026 00:00:00 GMT"}
        send(handler, 200, headers, json.dumps(document).encode())


class World:
    def __init__(self, server: ProviderServer) -> None:
        self.clock, self.kev, self.server = FakeClock(), Kev("CVE-1", "CVE-2"), server
        server.behaviour = self.kev
        self.row: dict[str, Any] = {
            "provider": "cisa-kev",
            "internal": True,
            "endpoint": server.url,
            "catalogue": True,
            "rows": "/vulnerabilities",
            "key": "/cveID",
            "answers": {"added": "/dateAdded", "ransomware": "/knownRansomwareCampaignUse", "weaknesses": "/cwes"},
            "lists": ("weaknesses",),
            "soft_ttl_s": 100,
            "hard_ttl_s": 1000,
            "negative_ttl_s": 100,
            "tlp_ceiling": "RED",
            "deadline_ms": 2000,
        }
        self.telemetry = RecordingTelemetry()
        gate = Gate("cisa-kev", BreakerPolicy(failures=2, open_s=5.0), self.clock, self.telemetry)
        self.provider = HttpCatalogueProvider(lookup_settings(**self.row), HTTP, self.clock, None, gate)

    def fetch(self, *keys: str, timeout_s: float = 2.0) -> dict[str, Any]:
        return {key: answer.value for key, answer in self.provider.fetch(keys, timeout_s).items()}

    def settle(self) -> None:
        wait_for(lambda: self.provider._refreshing is None)

    def enricher(self) -> CachedEnricher:
        row = row_for(self.provider, is_local=True, **{k: v for k, v in self.row.items() if k != "provider"})
        return build([row], self.clock, process_ttl_ms=1000)


@pytest.fixture
def world() -> Iterator[World]:
    with ProviderServer().running() as server:
        made = World(server)
        yield made
        server.closing.set()
        made.settle()
        made.provider.close()


def test_one_fetch_answers_for_every_cve(world: World) -> None:
    value = {"added": "2026-01-02", "ransomware": "Known", "weaknesses": ["CWE-78"]}
    assert world.fetch("CVE-1", "cve-2", "CVE-3") == {"CVE-1": value, "cve-2": value, "CVE-3": None}
    for number in range(100):
        world.fetch(f"CVE-{number}")
    assert world.kev.sent == [200]
    assert "CVE" not in "".join(world.server.requests)


def test_an_unchanged_catalogue_is_not_sent_again(world: World) -> None:
    world.fetch("CVE-1")
    for _ in range(3):
        world.clock.advance(101)
        assert world.fetch("CVE-1")["CVE-1"] is not None
        world.settle()
    assert world.kev.sent == [200, 304, 304, 304]
    assert world.server.headers[-1]["If-Modified-Since"] == "Fri, 02 Jan 2026 00:00:00 GMT"
    world.clock.advance(950)  # told thrice that it is current: not out of date yet
    assert world.fetch("CVE-1")["CVE-1"] is not None


def test_a_new_one_takes_the_place_of_the_old_at_once(world: World) -> None:
    world.fetch("CVE-1")
    world.kev.version, world.kev.rows = 2, [entry("CVE-3")]
    world.clock.advance(101)
    assert world.fetch("CVE-1", "CVE-3")["CVE-3"] is None  # the old one, while the new one is fetched
    world.settle()
    found = world.fetch("CVE-1", "CVE-3")
    assert found["CVE-1"] is None
    assert found["CVE-3"] is not None


@pytest.mark.parametrize(
    "behaviour",
    [
        reply(500),
        reply(200, b"<html>"),
        reply(200, b'{"vulnerabilities": []}'),
        reply(200, b'{"vulnerabilities": [{"cveID": "CVE-9"}, {"no": "key"}]}'),
        reply(200, b'{"vulnerabilities": "gone"}'),
        reply(302, Location="http://127.0.0.1:1/"),
    ],
)
def test_a_broken_one_changes_nothing(world: World, behaviour: Any) -> None:
    before = world.fetch("CVE-1")
    world.server.behaviour = behaviour
    world.clock.advance(101)
    world.fetch("CVE-1")
    world.settle()
    assert world.fetch("CVE-1") == before
    asked = len(world.server.requests)
    world.clock.advance(30)
    world.fetch("CVE-1")
    assert len(world.server.requests) == asked  # not before a minute is over
    world.server.behaviour = world.kev
    world.clock.advance(31)
    world.fetch("CVE-1")
    world.settle()
    assert world.kev.sent == [200, 304]


def test_it_obeys_retry_after(world: World) -> None:
    world.server.behaviour = reply(429, Retry_After="600")
    with pytest.raises(DependencyError, match="no-catalogue"):
        world.fetch("CVE-1")
    world.settle()
    for step in (300, 299):
        world.clock.advance(step)
        with pytest.raises(DependencyError, match="no-catalogue"):
            world.fetch("CVE-1")
    assert len(world.server.requests) == 1
    world.server.behaviour = world.kev
    world.clock.advance(2)
    assert world.fetch("CVE-1")["CVE-1"] is not None


def test_its_breaker_shows_how_its_fetches_go(world: World) -> None:
    def state() -> float:
        return world.telemetry.values["breaker_state", "cisa-kev"]

    assert state() == BreakerState.CLOSED
    world.server.behaviour = reply(500)
    for failures in (1, 2):
        with pytest.raises(DependencyError, match="no-catalogue"):
            world.fetch("CVE-1")
        world.settle()
        assert state() == (BreakerState.CLOSED if failures == 1 else BreakerState.OPEN)
        world.clock.advance(61)
    world.server.behaviour = world.kev
    assert world.fetch("CVE-1")["CVE-1"] is not None
    world.settle()
    assert state() == BreakerState.CLOSED


def test_past_its_hard_time_to_live_it_is_believed_no_more(world: World) -> None:
    world.fetch("CVE-1")
    world.server.behaviour = reply(500)
    world.clock.advance(999)
    assert world.fetch("CVE-1")["CVE-1"] is not None
    world.settle()
    world.clock.advance(1)
    with pytest.raises(DependencyError, match="no-catalogue"):
        world.fetch("CVE-1", timeout_s=0.2)


def test_only_the_first_batch_waits_for_the_first_catalogue(world: World) -> None:
    world.server.behaviour = hang
    for timeout_s in (0.05, 30.0, 30.0):
        with pytest.raises(DependencyError, match="no-catalogue"):
            world.fetch("CVE-1", timeout_s=timeout_s)
    assert len(world.server.requests) <= 1


def test_its_answers_carry_its_age_and_nothing_is_withheld(world: World) -> None:
    enricher = world.enricher()
    (found, missing), marked, unknown = enricher.look_up(
        [request_for("CVE-1", "CVE-9"), request_for("CVE-2", tlp=Tlp.RED), request_for("CVE-2", tlp=None)]
    )
    assert (found.status, missing.status) == ("found", "not_found")
    assert found.fetched_at == "2023-11-14T22:13:20Z"
    assert statuses(marked) == statuses(unknown) == [("CVE-2", "found")]
    world.server.behaviour = reply(500)
    world.clock.advance(101)
    assert statuses(enricher.look_up([request_for("CVE-1")])[0]) == [("CVE-1", "stale")]
    world.settle()
    world.clock.advance(900)
    assert statuses(enricher.look_up([request_for("CVE-1")])[0]) == [("CVE-1", "unavailable")]
    world.settle()
    world.server.behaviour = world.kev
    world.clock.advance(61)
    assert statuses(enricher.look_up([request_for("CVE-1")])[0]) == [("CVE-1", "found")]
    enricher.close()
