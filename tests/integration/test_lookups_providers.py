"""Each shipped row against a server that answers in the provider's documented shape, and that misbehaves.

The rows are those of `config/lookups.toml`, with the address of a local server in the place of the provider's. The
answers are written after the pages that the rows name; values are invented.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from msgspec import Struct

from tests.support.lookup_server import Behaviour, ProviderServer, bomb, cut_short, drip_body, no_http, reply
from workers.adapters.http_json import HttpJsonProvider
from workers.adapters.process import SystemClock
from workers.errors import DependencyError
from workers.settings import HttpSettings, LookupSettings, load_settings

CONFIG = Path(__file__).resolve().parents[2] / "config"
HASH = "094fd325049b8a9cf6d3e5ef2a6d4cc6a567d7d49c35f8bb8dd9e3c6acf3d78d"
VT_STATS = {"malicious": 3, "suspicious": 1, "harmless": 60, "undetected": 20, "timeout": 0}


class Case(Struct, frozen=True, kw_only=True):
    """A provider's documented answer to one key, what we make of it, and its way of saying that it knows nothing."""

    provider: str
    key: str
    answer: Any
    value: dict[str, Any]
    unknown: Any = None
    unknown_status: int = 200
    types: tuple[str, ...] = ()


CASES = (
    Case(
        provider="first-epss",
        key="CVE-2022-27225",
        answer={
            "status": "OK",
            "status-code": 200,
            "version": "1.0",
            "access": "public",
            "total": 1,
            "offset": 0,
            "limit": 100,
            "data": [{"cve": "CVE-2022-27225", "epss": "0.001330000", "percentile": "0.48333", "date": "2022-03-01"}],
        },
        value={"epss": 0.00133, "percentile": 0.48333, "date": "2022-03-01"},
        unknown={"status": "OK", "total": 0, "data": []},
    ),
    Case(
        provider="cve-programme",
        key="CVE-2026-1234",
        answer={
            "dataType": "CVE_RECORD",
            "dataVersion": "5.1",
            "cveMetadata": {
                "cveId": "CVE-2026-1234",
                "state": "PUBLISHED",
                "assignerShortName": "example",
                "datePublished": "2026-01-02T03:04:05.000Z",
            },
            "containers": {
                "cna": {
                    "title": "A flaw in a product",
                    "problemTypes": [
                        {
                            "descriptions": [
                                {"lang": "en", "description": "CWE-787 …", "cweId": "CWE-787", "type": "CWE"}
                            ]
                        },
                        {"descriptions": [{"lang": "en", "description": "free text"}]},
                    ],
                    "metrics": [{"other": {"type": "x"}}],
                },
                "adp": [
                    {"title": "CISA ADP Vulnrichment", "metrics": [{"other": {"type": "ssvc"}}]},
                    {
                        "metrics": [{"cvssV3_1": {"baseScore": 9.8, "vectorString": "CVSS:3.1/AV:N"}}],
                        "problemTypes": [{"descriptions": [{"cweId": "CWE-20"}, {"cweId": "CWE-787"}]}],
                    },
                ],
            },
        },
        value={
            "state": "PUBLISHED",
            "published": "2026-01-02T03:04:05.000Z",
            "title": "A flaw in a product",
            "cvss": 9.8,
            "cvss_vector": "CVSS:3.1/AV:N",
            "weaknesses": ["CWE-787", "CWE-20"],
        },
        unknown={"error": "CVE_RECORD_DNE", "message": "The cve record does not exist."},
        unknown_status=404,
    ),
    Case(
        provider="nvd",
        key="CVE-2026-1234",
        answer={
            "resultsPerPage": 1,
            "startIndex": 0,
            "totalResults": 1,
            "format": "NVD_CVE",
            "version": "2.0",
            "vulnerabilities": [
                {
                    "cve": {
                        "id": "CVE-2026-1234",
                        "published": "2026-01-02T03:04:05.000",
                        "vulnStatus": "Analyzed",
                        "metrics": {
                            "cvssMetricV31": [
                                {"type": "Primary", "cvssData": {"baseScore": 9.8, "vectorString": "CVSS:3.1/AV:N"}}
                            ],
                            "cvssMetricV2": [{"cvssData": {"baseScore": 7.5, "vectorString": "AV:N"}}],
                        },
                        "weaknesses": [{"type": "Primary", "description": [{"lang": "en", "value": "CWE-787"}]}],
                    }
                }
            ],
        },
        value={
            "status": "Analyzed",
            "published": "2026-01-02T03:04:05.000",
            "cvss": 9.8,
            "cvss_vector": "CVSS:3.1/AV:N",
            "weaknesses": ["CWE-787"],
        },
        unknown={"resultsPerPage": 0, "totalResults": 0, "vulnerabilities": []},
    ),
    Case(
        provider="urlhaus",
        types=("domain-name", "ipv4-addr"),
        key="evil.example",
        answer={
            "query_status": "ok",
            "urlhaus_reference": "https://urlhaus.abuse.ch/host/evil.example/",
            "host": "evil.example",
            "firstseen": "2026-01-15 07:09:01 UTC",
            "url_count": "120",
            "blacklists": {"spamhaus_dbl": "abused_legit_malware", "surbl": "listed"},
            "urls": [
                {"id": "1", "url_status": "online", "threat": "malware_download", "tags": ["elf", "mirai"]},
                {"id": "2", "url_status": "offline", "threat": "malware_download", "tags": None},
            ],
        },
        value={
            "reference": "https://urlhaus.abuse.ch/host/evil.example/",
            "first_seen": "2026-01-15 07:09:01 UTC",
            "urls": 120.0,
            "threats": ["malware_download"],
            "tags": ["elf", "mirai"],
        },
        unknown={"query_status": "no_results"},
    ),
    Case(
        provider="urlhaus",
        types=("url",),
        key="http://evil.example/x?a=1&b=2",
        answer={
            "query_status": "ok",
            "id": "105821",
            "urlhaus_reference": "https://urlhaus.abuse.ch/url/105821/",
            "url": "http://evil.example/x?a=1&b=2",
            "url_status": "online",
            "date_added": "2026-01-19 01:33:26 UTC",
            "threat": "malware_download",
            "tags": ["Emotet"],
        },
        value={
            "reference": "https://urlhaus.abuse.ch/url/105821/",
            "status": "online",
            "added": "2026-01-19 01:33:26 UTC",
            "threat": "malware_download",
            "tags": ["Emotet"],
        },
        unknown={"query_status": "no_results"},
    ),
    Case(
        provider="threatfox",
        key="evil.example",
        answer={
            "query_status": "ok",
            "data": [
                {
                    "id": "41",
                    "ioc": "evil.example",
                    "threat_type": "botnet_cc",
                    "ioc_type": "domain",
                    "malware": "win.dridex",
                    "malware_printable": "Dridex",
                    "confidence_level": 50,
                    "first_seen": "2026-01-08 13:36:27 UTC",
                    "last_seen": None,
                    "tags": ["exe"],
                }
            ],
        },
        value={
            "ioc": "evil.example",
            "threat": "botnet_cc",
            "malware": "Dridex",
            "confidence": 50.0,
            "first_seen": "2026-01-08 13:36:27 UTC",
            "last_seen": None,
            "tags": ["exe"],
        },
        unknown={"query_status": "no_result", "data": "Your search did not yield any results"},
        types=("domain-name", "url", "file-hash-md5", "file-hash-sha256"),
    ),
    Case(
        provider="threatfox",
        types=("ipv4-addr",),
        key="203.0.113.7",
        answer={
            "query_status": "ok",
            "data": [
                {"id": "1", "ioc": "203.0.113.77:80", "ioc_type": "ip:port", "malware_printable": "Another"},
                {
                    "id": "2",
                    "ioc": "203.0.113.7:443",
                    "threat_type": "botnet_cc",
                    "ioc_type": "ip:port",
                    "malware": "win.cobalt_strike",
                    "malware_printable": "Cobalt Strike",
                    "confidence_level": 100,
                    "first_seen": "2026-01-08 13:36:27 UTC",
                    "last_seen": None,
                    "tags": None,
                },
            ],
        },
        value={
            "ioc": "203.0.113.7:443",
            "threat": "botnet_cc",
            "malware": "Cobalt Strike",
            "confidence": 100.0,
            "first_seen": "2026-01-08 13:36:27 UTC",
            "last_seen": None,
            "tags": [],
        },
        unknown={"query_status": "ok", "data": [{"id": "1", "ioc": "203.0.113.77:80", "malware_printable": "Another"}]},
    ),
    Case(
        provider="malwarebazaar",
        key=HASH,
        answer={
            "query_status": "ok",
            "data": [
                {
                    "sha256_hash": HASH,
                    "first_seen": "2026-01-02 03:04:05",
                    "last_seen": None,
                    "file_type": "exe",
                    "signature": "AgentTesla",
                    "tags": ["exe", "AgentTesla"],
                }
            ],
        },
        value={
            "sha256": HASH,
            "family": "AgentTesla",
            "file_type": "exe",
            "first_seen": "2026-01-02 03:04:05",
            "last_seen": None,
            "tags": ["exe", "AgentTesla"],
        },
        unknown={"query_status": "hash_not_found"},
    ),
    Case(
        provider="greynoise-community",
        key="192.0.2.7",
        answer={
            "ip": "192.0.2.7",
            "noise": True,
            "riot": False,
            "classification": "malicious",
            "name": "unknown",
            "link": "https://viz.greynoise.io/ip/192.0.2.7",
            "last_seen": "2026-01-01",
            "message": "Success",
        },
        value={
            "noise": True,
            "riot": False,
            "classification": "malicious",
            "name": "unknown",
            "last_seen": "2026-01-01",
            "reference": "https://viz.greynoise.io/ip/192.0.2.7",
        },
        unknown={"ip": "192.0.2.7", "noise": False, "riot": False, "message": "IP not observed"},
        unknown_status=404,
    ),
    Case(
        provider="virustotal",
        types=("domain-name",),
        key="evil.example",
        answer={
            "data": {
                "type": "domain",
                "id": "evil.example",
                "attributes": {"last_analysis_stats": VT_STATS, "reputation": -7},
            }
        },
        value={"malicious": 3, "suspicious": 1, "harmless": 60, "undetected": 20, "reputation": -7},
        unknown={"error": {"code": "NotFoundError", "message": "…"}},
        unknown_status=404,
    ),
    Case(
        provider="virustotal",
        types=("url",),
        key="http://evil.example/a?b=ÿ",
        answer={
            "data": {
                "type": "url",
                "id": "0f115db062b7c0dd030b16878c99dea5c354b49dc37b38eb8846179c7783e9d7",
                "attributes": {
                    "last_analysis_stats": VT_STATS,
                    "reputation": -7,
                    "title": "Sign in",
                    "last_final_url": "http://evil.example/b",
                },
            }
        },
        value={
            "malicious": 3,
            "suspicious": 1,
            "harmless": 60,
            "undetected": 20,
            "reputation": -7,
            "title": "Sign in",
            "final_url": "http://evil.example/b",
        },
        unknown={"error": {"code": "NotFoundError", "message": "…"}},
        unknown_status=404,
    ),
    Case(
        provider="virustotal",
        types=("ipv4-addr", "ipv6-addr"),
        key="2001:db8::7",
        answer={
            "data": {
                "type": "ip_address",
                "id": "2001:db8::7",
                "attributes": {"last_analysis_stats": VT_STATS, "reputation": 0, "country": "JP"},
            }
        },
        value={"malicious": 3, "suspicious": 1, "harmless": 60, "undetected": 20, "reputation": 0},
        unknown={"error": {"code": "NotFoundError", "message": "…"}},
        unknown_status=404,
    ),
    Case(
        provider="virustotal",
        types=("file-hash-md5", "file-hash-sha1", "file-hash-sha256"),
        key=HASH,
        answer={
            "data": {
                "type": "file",
                "id": HASH,
                "attributes": {
                    "last_analysis_stats": VT_STATS,
                    "meaningful_name": "invoice.exe",
                    "popular_threat_classification": {"suggested_threat_label": "trojan.x"},
                },
            }
        },
        value={
            "malicious": 3,
            "suspicious": 1,
            "harmless": 60,
            "undetected": 20,
            "name": "invoice.exe",
            "family": "trojan.x",
        },
        unknown={"error": {"code": "NotFoundError", "message": "…"}},
        unknown_status=404,
    ),
    Case(
        provider="misp",
        key="evil.example",
        answer={
            "response": {
                "Attribute": [
                    {
                        "id": "7",
                        "event_id": "42",
                        "category": "Network activity",
                        "type": "domain",
                        "to_ids": True,
                        "timestamp": "1767225600",
                        "value": "evil.example",
                        "Event": {"id": "42", "info": "A campaign", "uuid": "…"},
                        "Tag": [{"name": "tlp:amber"}, {"name": "type:OSINT"}],
                    }
                ]
            }
        },
        value={
            "type": "domain",
            "category": "Network activity",
            "for_detection": True,
            "event_id": "42",
            "event": "A campaign",
            "changed": "1767225600",
            "tags": ["tlp:amber", "type:OSINT"],
        },
        unknown={"response": {"Attribute": []}},
    ),
    Case(
        provider="opencti",
        key="evil.example",
        answer={
            "data": {
                "stixCyberObservables": {
                    "edges": [
                        {
                            "node": {
                                "id": "b1",
                                "entity_type": "Domain-Name",
                                "observable_value": "evil.example",
                                "x_opencti_score": 80,
                                "updated_at": "2026-01-01T00:00:00.000Z",
                                "objectLabel": [{"value": "c2"}],
                                "objectMarking": [{"definition": "TLP:AMBER"}],
                                "indicators": {"edges": [{"node": {"name": "evil.example"}}]},
                            }
                        }
                    ]
                }
            }
        },
        value={
            "id": "b1",
            "type": "Domain-Name",
            "score": 80.0,
            "changed": "2026-01-01T00:00:00.000Z",
            "labels": ["c2"],
            "markings": ["TLP:AMBER"],
            "indicators": ["evil.example"],
        },
        unknown={"data": {"stixCyberObservables": {"edges": []}}},
    ),
)
NAMES = [f"{case.provider}-{case.types[0] if case.types else ''}" for case in CASES]
every_case = pytest.mark.parametrize("case", CASES, ids=NAMES)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[LookupSettings, ...]:
    folder = tmp_path_factory.mktemp("shipped") / "config"
    shutil.copytree(CONFIG, folder)
    text = (folder / "lookups.toml").read_text(encoding="utf-8")
    (folder / "lookups.toml").write_text(text.replace("internal = false", "internal = true"), encoding="utf-8")
    return load_settings(folder, None, {}).lookups


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer().running() as running:
        yield running


def provider_for(case: Case, shipped: tuple[LookupSettings, ...], server: ProviderServer) -> HttpJsonProvider:
    """The shipped row, asked at the local server, under the provider's own path."""
    found = [row for row in shipped if row.provider == case.provider and (not case.types or row.types == case.types)]
    (row,) = found
    local = f"http://{urlsplit(server.url).netloc}{urlsplit(row.endpoint or '').path}"
    http = HttpSettings(
        connect_timeout_ms=1000, max_answer_bytes=1_000_000, user_agent="shirase/test", trust_environment_proxies=False
    )
    return HttpJsonProvider(replace(row, endpoint=local), http, SystemClock(), "s3cret")


def answering(status: int, document: Any) -> Behaviour:
    return reply(status, json.dumps(document).encode(), Content_Type="application/json")


@every_case
def test_what_it_knows(case: Case, shipped: tuple[LookupSettings, ...], server: ProviderServer) -> None:
    provider = provider_for(case, shipped, server)
    server.behaviour = answering(200, case.answer)
    answers = provider.fetch([case.key], 2.0)
    assert answers[case.key].value == case.value
    assert (provider.name, len(server.requests)) == (case.provider, 1)
    provider.close()


@every_case
def test_what_it_does_not_know(case: Case, shipped: tuple[LookupSettings, ...], server: ProviderServer) -> None:
    provider = provider_for(case, shipped, server)
    server.behaviour = answering(case.unknown_status, case.unknown)
    assert provider.fetch([case.key], 2.0)[case.key].value is None
    provider.close()


MISBEHAVIOUR: dict[str, tuple[Behaviour, str]] = {
    "429": (reply(429, Retry_After="30"), "http-429"),
    "401": (reply(401, b'{"query_status": "unknown_auth_key"}'), "http-401"),
    "500": (reply(500), "http-500"),
    "redirect": (reply(302, Location="http://127.0.0.1:1/"), "redirect"),
    "html": (reply(200, b"<html>maintenance</html>"), "wrong-shape|refused"),
    "other shape": (reply(200, b'{"greeting": "hello"}'), "wrong-shape|refused"),
    "a list": (reply(200, b"[1, 2]"), "wrong-shape|refused"),
    "bomb": (bomb(4), "too-large"),
    "closed mid-body": (cut_short, "connection"),
    "no http": (no_http, "connection"),
    "drip": (drip_body, "timeout|wrong-shape|refused"),
}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
@every_case
def test_misbehaviour_is_never_not_found(
    case: Case, name: str, shipped: tuple[LookupSettings, ...], server: ProviderServer
) -> None:
    provider = provider_for(case, shipped, server)
    server.behaviour, code = MISBEHAVIOUR[name]
    with pytest.raises(DependencyError, match=code) as caught:
        provider.fetch([case.key], 0.4)
    assert caught.value.retry_after == (30.0 if name == "429" else None)
    assert case.key not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    provider.close()


def asked(
    case_name: str, shipped: tuple[LookupSettings, ...], server: ProviderServer
) -> tuple[str, dict[str, str], Any]:
    """Path, headers and body of the call that the case makes."""
    case = CASES[NAMES.index(case_name)]
    provider = provider_for(case, shipped, server)
    server.behaviour = answering(200, case.answer)
    provider.fetch([case.key], 2.0)
    provider.close()
    body = server.bodies[-1].decode()
    return server.requests[-1], server.headers[-1], json.loads(body) if body.startswith("{") else parse_qs(body)


def test_how_they_are_asked(shipped: tuple[LookupSettings, ...], server: ProviderServer) -> None:
    """Method, place of the key, name and form of the authentication, as documented."""
    path, headers, _ = asked("nvd-", shipped, server)
    assert (path, headers["apiKey"]) == ("/rest/json/cves/2.0?cveId=CVE-2026-1234", "s3cret")
    path, _, _ = asked("cve-programme-", shipped, server)
    assert path == "/api/cve/CVE-2026-1234"
    path, headers, form = asked("urlhaus-url", shipped, server)
    assert (path, headers["Auth-Key"], form) == ("/v1/url/", "s3cret", {"url": ["http://evil.example/x?a=1&b=2"]})
    _, _, form = asked("urlhaus-domain-name", shipped, server)
    assert form == {"host": ["evil.example"]}
    path, headers, document = asked("threatfox-domain-name", shipped, server)
    assert (path, headers["Auth-Key"]) == ("/api/v1/", "s3cret")
    assert document == {"query": "search_ioc", "search_term": "evil.example", "exact_match": True}
    _, _, document = asked("threatfox-ipv4-addr", shipped, server)
    assert document == {"query": "search_ioc", "search_term": "203.0.113.7"}
    _, _, form = asked("malwarebazaar-", shipped, server)
    assert form == {"query": ["get_info"], "hash": [HASH]}
    path, headers, _ = asked("greynoise-community-", shipped, server)
    assert (path, headers["key"]) == ("/v3/community/192.0.2.7", "s3cret")
    path, headers, _ = asked("virustotal-domain-name", shipped, server)
    assert (path, headers["x-apikey"]) == ("/api/v3/domains/evil.example", "s3cret")
    path, _, _ = asked("virustotal-url", shipped, server)
    assert path == "/api/v3/urls/aHR0cDovL2V2aWwuZXhhbXBsZS9hP2I9w78"
    path, _, _ = asked("virustotal-ipv4-addr", shipped, server)
    assert path == "/api/v3/ip_addresses/2001%3Adb8%3A%3A7"
    path, _, _ = asked("virustotal-file-hash-md5", shipped, server)
    assert path == f"/api/v3/files/{HASH}"
    path, headers, document = asked("misp-", shipped, server)
    assert (path, headers["Authorization"]) == ("/attributes/restSearch", "s3cret")
    assert (document["returnFormat"], document["value"]) == ("json", ["evil.example"])
    path, headers, document = asked("opencti-", shipped, server)
    assert (path, headers["Authorization"]) == ("/graphql", "Bearer s3cret")
    assert document["variables"] == {"values": ["evil.example"]}
    assert "stixCyberObservables" in document["query"]


def test_a_wrong_key_at_nvd_is_a_failure(shipped: tuple[LookupSettings, ...], server: ProviderServer) -> None:
    """It says 404 to a key that it does not take, and 200 with an empty list about a CVE that it does not have."""
    provider = provider_for(CASES[NAMES.index("nvd-")], shipped, server)
    server.behaviour = reply(404, b"", message="Invalid apiKey.")
    with pytest.raises(DependencyError, match="http-404"):
        provider.fetch(["CVE-2026-1234"], 2.0)
    provider.close()


def test_a_key_cannot_leave_its_place_in_the_path(shipped: tuple[LookupSettings, ...], server: ProviderServer) -> None:
    provider = provider_for(CASES[NAMES.index("virustotal-domain-name")], shipped, server)
    server.behaviour = reply(404)
    provider.fetch(["../../users/me?x=#"], 2.0)
    assert server.requests[-1].count("/") == 4
    assert unquote(server.requests[-1]).endswith("/domains/../../users/me?x=#")
    provider.close()
