"""What the provider reads out of an answer, and which addresses it calls. No server."""

from __future__ import annotations

import json
import logging
import socket
from email.utils import formatdate
from typing import Any

import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from tests.support.lookups import FakeClock, lookup_settings
from workers.adapters import http_call, http_connect
from workers.adapters.http_call import _retry_after
from workers.adapters.http_connect import is_public
from workers.adapters.http_json import HttpJsonProvider, _AnswerReader, _Questions, _UnreadableError
from workers.errors import ConfigError, DependencyError
from workers.settings import HttpSettings, LookupSettings
from workers.settings.pointers import _number

EPSS = {
    "endpoint": "https://api.example/epss",
    "parameter": "cve",
    "rows": "/data",
    "key": "/cve",
    "answers": {"epss": "/epss", "date": "/date"},
    "numbers": ("epss",),
}
ROW = {"cve": "CVE-1", "epss": "0.00133", "date": "2022-03-01"}


def row(**changes: Any) -> LookupSettings:
    return lookup_settings(**(EPSS | changes))


def http(**changes: Any) -> HttpSettings:
    values: dict[str, Any] = {
        "connect_timeout_ms": 500,
        "max_answer_bytes": 1_000_000,
        "user_agent": "shirase/test",
        "trust_environment_proxies": False,
    }
    return HttpSettings(**(values | changes))


def read(document: Any, keys: list[str], **changes: Any) -> dict[str, dict[str, Any] | None] | None:
    return read_bytes(json.dumps(document).encode(), keys, **changes)


def read_bytes(body: bytes, keys: list[str], **changes: Any) -> dict[str, dict[str, Any] | None] | None:
    """What is read, None where the answer is none."""
    try:
        return _AnswerReader(row(**changes)).entries(body, keys)
    except _UnreadableError:
        return None


def test_entries_are_read_by_pointers() -> None:
    assert read({"data": [ROW]}, ["CVE-1", "CVE-2"]) == {"CVE-1": {"epss": 0.00133, "date": "2022-03-01"}}


def test_keys_are_compared_without_case_and_given_back_as_asked() -> None:
    assert read({"data": [ROW | {"cve": "cve-1"}]}, ["CVE-1"]) == {"CVE-1": {"epss": 0.00133, "date": "2022-03-01"}}


def test_what_nobody_asked_for_is_ignored_and_the_first_of_two_counts() -> None:
    found = read({"data": [ROW | {"cve": "CVE-7"}, ROW, ROW | {"date": "2099-01-01"}]}, ["CVE-1"])
    assert found == {"CVE-1": {"epss": 0.00133, "date": "2022-03-01"}}


@pytest.mark.parametrize(
    ("entry", "is_known"),
    [("203.0.113.7:443", True), ("203.0.113.7", True), ("203.0.113.77:443", False), ("1.203.0.113.7:80", False)],
)
def test_hosts_are_compared_without_their_ports(entry: str, is_known: bool) -> None:
    found = read({"data": [ROW | {"cve": entry}]}, ["203.0.113.7"], key_match="host")
    assert found is not None
    assert ("203.0.113.7" in found) == is_known


def test_a_missing_member_is_null() -> None:
    assert read({"data": [{"cve": "CVE-1"}]}, ["CVE-1"]) == {"CVE-1": {"epss": None, "date": None}}


@pytest.mark.parametrize(
    "document",
    [
        *(None, 1, "data", [], {}, {"data": None}, {"data": {}}, {"data": "CVE-1"}, {"data": [1]}, {"data": [[]]}),
        *({"data": [{}]}, {"data": [{"cve": 1}]}, {"data": [{"cve": None}]}, {"data": [ROW, {"epss": "1"}]}),
    ],
)
def test_any_other_shape_is_no_answer(document: Any) -> None:
    assert read(document, ["CVE-1"]) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b'{"data": [', b"[" * 100_000, b'{"data": NaN}'])
def test_what_is_not_json_is_no_answer(body: bytes) -> None:
    assert read_bytes(body, ["CVE-1"]) is None


@given(st.binary(max_size=300))
def test_no_body_makes_it_fail(body: bytes) -> None:
    read_bytes(body, ["CVE-1"])


@pytest.mark.parametrize(
    ("rows", "document"), [("", ROW), ("/result", {"result": ROW}), ("/result", {"result": [ROW]})]
)
def test_with_one_key_a_call_the_answer_is_its_entry(rows: str, document: Any) -> None:
    found = read(document, ["CVE-1"], batch=1, key=None, rows=rows)
    assert found == {"CVE-1": {"epss": 0.00133, "date": "2022-03-01"}}


def test_with_one_key_a_call_an_empty_list_is_nothing_known_and_a_string_is_no_answer() -> None:
    assert read({"result": []}, ["CVE-1"], batch=1, key=None, rows="/result") == {}
    assert read({"result": "x"}, ["CVE-1"], batch=1, key=None, rows="/result") is None


@pytest.mark.parametrize(
    ("part", "number"),
    [
        ("0.5", 0.5),
        (1, 1.0),
        ("1e400", None),
        ("nan", None),
        ("inf", None),
        ("x", None),
        (None, None),
        (True, None),
        ([], None),
    ],
)
def test_numbers_are_numbers_or_nothing(part: Any, number: float | None) -> None:
    assert _number(part) == number


def test_how_long_to_wait_is_seconds_or_a_date() -> None:
    now = 1_700_000_000.0
    assert _retry_after(None, now) is None
    assert _retry_after("120", now) == 120.0
    assert _retry_after(formatdate(now + 90, usegmt=True), now) == 90.0
    assert _retry_after(formatdate(now - 90, usegmt=True), now) == 0.0
    for odd in ("", "soon", "-1", "1.5", "٣", "Fri, 99 Nov 2023 99:00:00 GMT"):
        assert _retry_after(odd, now) is None
    assert (_retry_after("9" * 5000, now) or 0) > 3600


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1"),
    ],
)
def test_addresses_of_the_house_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_the_rest_is(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "2130706433",
        "127.1",
        "localhost",
        "169.254.169.254",
        "0x7f.1",
    ],
)
def test_a_provider_outside_is_never_called_inside(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        port = listener.getsockname()[1]
        provider = HttpJsonProvider(row(endpoint=f"http://{host}:{port}/"), http(), FakeClock(), None)
        with pytest.raises(DependencyError, match="scripted: address-refused"):
            provider.fetch(["CVE-1"], 2.0)
        with pytest.raises(BlockingIOError):
            listener.accept()
        provider.close()


def test_one_address_of_the_house_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*stream, ("8.8.8.8", 443)), (*stream, ("10.0.0.1", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    provider = HttpJsonProvider(row(), http(), FakeClock(), None)
    with pytest.raises(DependencyError, match="address-refused"):
        provider.fetch(["CVE-1"], 2.0)
    provider.close()


def test_a_name_that_does_not_resolve_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(-2, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    provider = HttpJsonProvider(row(), http(), FakeClock(), None)
    with pytest.raises(DependencyError, match="scripted: connection"):
        provider.fetch(["CVE-1"], 2.0)
    provider.close()


def test_how_the_session_is_made() -> None:
    provider = HttpJsonProvider(row(key_header="X-Key"), http(), FakeClock(), "s3cret")
    session = provider._caller.session
    assert isinstance(session, requests.Session)
    assert session.trust_env is False
    assert session.verify is True
    assert session.headers["X-Key"] == "s3cret"
    assert session.headers["User-Agent"] == "shirase/test"
    adapter: Any = session.adapters["https://"]
    assert adapter.max_retries.total == 0
    assert "s3cret" not in repr(provider)
    provider.close()


def test_what_the_settings_say_of_certificates_and_proxies_is_passed_on(tmp_path: Any) -> None:
    provider = HttpJsonProvider(
        row(), http(ca_file=tmp_path / "ca.pem", trust_environment_proxies=True), FakeClock(), None
    )
    assert provider._caller.session.verify == str(tmp_path / "ca.pem")
    assert provider._caller.session.trust_env is True
    provider.close()


def test_the_clients_loggers_that_print_addresses_are_turned_down() -> None:
    HttpJsonProvider(row(), http(), FakeClock(), None).close()
    for name in ("urllib3.connection", "urllib3.connectionpool"):
        assert not logging.getLogger(name).isEnabledFor(logging.WARNING)


def test_connecting_takes_no_longer_than_told_over_all_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))] * 4

    def connect(self: socket.socket, _address: Any) -> None:
        limits.append(self.gettimeout() or 0.0)
        raise TimeoutError

    limits: list[float] = []
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", connect)
    provider = HttpJsonProvider(row(), http(connect_timeout_ms=500), FakeClock(), None)
    with pytest.raises(DependencyError, match="scripted: timeout"):
        provider.fetch(["CVE-1"], 2.0)
    assert len(limits) == 4
    assert 0.5 >= limits[0] > limits[-1]
    provider.close()


def test_cutting_what_is_closed_already_is_no_fault() -> None:
    sock = socket.socket()
    sock.close()
    http_connect._cut(sock)
    http_call._shut(urllib3.HTTPResponse(body=b""))


STATE = {
    "state": "/status",
    "state_found": ("ok",),
    "state_not_found": ("none",),
    "batch": 1,
    "key": None,
    "rows": "/data",
}


def test_a_member_can_say_how_the_question_went() -> None:
    assert read({"status": "ok", "data": [ROW]}, ["CVE-1"], **STATE) == {
        "CVE-1": {"epss": 0.00133, "date": "2022-03-01"}
    }
    assert read({"status": "none", "data": "nothing here"}, ["CVE-1"], **STATE) == {}


@pytest.mark.parametrize(("state", "code"), [("unknown_key", "refused"), (1, "wrong-shape"), ([], "wrong-shape")])
def test_any_other_state_is_a_failure(state: object, code: str) -> None:
    body = json.dumps({"status": state, "data": [ROW]}).encode()
    with pytest.raises(_UnreadableError, match=code):
        _AnswerReader(row(**STATE)).entries(body, ["CVE-1"])
    with pytest.raises(_UnreadableError, match="wrong-shape"):
        _AnswerReader(row(**STATE)).entries(b'{"data": []}', ["CVE-1"])


def put(keys: list[str], **changes: Any) -> tuple[str, dict[str, Any]]:
    return _Questions(row(**changes)).put(keys)


def test_keys_go_into_the_query_with_what_is_constant() -> None:
    endpoint, options = put(["a", "b"], constants={"full": "1"})
    assert (endpoint, options) == ("https://api.example/epss", {"params": {"full": "1", "cve": "a,b"}})


def test_keys_go_into_the_path_whatever_they_hold() -> None:
    endpoint, options = put(["../a?b=c"], endpoint="https://api.example/{key}", parameter=None, batch=1)
    assert (endpoint, options) == ("https://api.example/..%2Fa%3Fb%3Dc", {})


@pytest.mark.parametrize(
    ("key", "name"),
    [("http://a.example/", "aHR0cDovL2EuZXhhbXBsZS8"), ("ÿÿ>?", "w7_Dvz4_"), ("", ""), ("\udcff", "7bO_")],
)
def test_keys_go_into_the_path_in_base64url_too(key: str, name: str) -> None:
    endpoint, _ = put([key], endpoint="https://api.example/{key:base64url}/x", parameter=None, batch=1)
    assert endpoint == f"https://api.example/{name}/x"


def test_keys_go_into_a_form_or_a_document() -> None:
    _, options = put(["a"], method="POST", body="form", constants={"query": "get_info"})
    assert options == {"data": {"query": "get_info", "cve": "a"}}
    _, options = put(["a", "b"], method="POST", constants={"query": "x"})
    assert json.loads(options["data"]) == {"query": "x", "cve": ["a", "b"]}
    _, options = put(["a", "b"], method="POST", keys_as="text")
    assert json.loads(options["data"]) == {"cve": "a,b"}


def test_keys_go_to_a_place_deep_in_a_document() -> None:
    settings = row(method="POST", parameter="/variables/values", constants={"query": "q", "variables": {"n": 1}})
    questions = _Questions(settings)
    for keys in (["a"], ["b"]):
        assert json.loads(questions.put(keys)[1]["data"]) == {"query": "q", "variables": {"n": 1, "values": keys}}
    assert settings.constants == {"query": "q", "variables": {"n": 1}}
    with pytest.raises(ConfigError, match="parameter"):
        _Questions(row(method="POST", parameter="/variables/values"))
