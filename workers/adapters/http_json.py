"""A lookup provider that speaks JSON over HTTP, described by its row in `lookups.toml` alone (requests).

Bounds of every call: one time limit for all of it, a size limit on the decoded answer, no redirect followed, no
cookie kept, certificates checked, no proxy or password from the environment unless the settings say so. A status that
is not 200 and any answer of another shape is a DependencyError with a short code, never "not found". Neither the
provider's key nor the query stands in any error or log line of ours: the client's own errors carry both, so they are
dropped, and its loggers that print addresses are turned down.

First provider: EPSS of FIRST, answer {"data": [{"cve": ..., "epss": "0.00133", "percentile": ..., "date": ...}]}
(https://www.first.org/epss/api).
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote

import msgspec
import requests
import urllib3
from jsonpointer import JsonPointer

from workers.adapters.http_connect import GuardedAdapter, RefusedAddressError
from workers.errors import DependencyError
from workers.ports import Clock, ProviderAnswer
from workers.settings import HttpSettings, LookupSettings

__all__ = ["HttpJsonProvider"]

CHUNK_BYTES = 65536
_OK = 200
_TALKATIVE = ("urllib3.connection", "urllib3.connectionpool")
_MISSING = object()


class HttpJsonProvider:
    """See `workers.ports.LookupProvider`. For several threads."""

    def __init__(self, row: LookupSettings, http: HttpSettings, clock: Clock, secret: str | None) -> None:
        """Opens no connection. `row.endpoint` must be given."""
        self._row = row
        self._http = http
        self._clock = clock
        self._session = _session_of(row, http, secret)
        self._reader = _AnswerReader(row)
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.ERROR)

    @property
    def name(self) -> str:
        """See the port."""
        return self._row.provider

    def fetch(self, keys: Sequence[str], timeout_s: float) -> Mapping[str, ProviderAnswer]:
        """See the port. A key without an entry in a whole and well-formed answer is "nothing known"."""
        status, body = self._call(keys, time.monotonic() + timeout_s)
        if status in self._row.not_found_statuses:
            return {key: ProviderAnswer(value=None) for key in keys}
        entries = self._reader.entries(body, keys)
        if entries is None:
            raise DependencyError(self.name, "wrong-shape")
        return {key: ProviderAnswer(value=entries.get(key)) for key in keys}

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _call(self, keys: Sequence[str], deadline: float) -> tuple[int, bytes]:
        try:
            with self._send(keys, deadline) as response:
                self._check_status(response)
                return response.status_code, self._body(response, deadline)
        except DependencyError:
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            code = "timeout" if time.monotonic() >= deadline else _code_of(error)
        raise DependencyError(self.name, code)

    def _send(self, keys: Sequence[str], deadline: float) -> requests.Response:
        row, left = self._row, deadline - time.monotonic()
        connect = min(self._http.connect_timeout_ms / 1000, left)
        options: dict[str, Any] = {"stream": True, "allow_redirects": False, "timeout": (connect, left)}
        endpoint = row.endpoint or ""
        if row.method == "POST":
            options["data"] = msgspec.json.encode({row.parameter: list(keys)})
            options["headers"] = {"Content-Type": "application/json"}
        elif row.parameter is not None:
            options["params"] = {row.parameter: row.separator.join(keys)}
        else:
            endpoint = endpoint.replace("{key}", quote(keys[0], safe=""))
        return self._session.request(row.method, endpoint, **options)

    def _check_status(self, response: requests.Response) -> None:
        status = response.status_code
        if status == _OK or status in self._row.not_found_statuses:
            return
        wait = _retry_after(response.headers.get("Retry-After"), self._clock.wall())
        raise DependencyError(self.name, "redirect" if response.is_redirect else f"http-{status}", retry_after=wait)

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        """The whole decoded body. A reader thread's `read` may block: at the deadline the connection is shut under it."""
        cutter = threading.Timer(max(0.001, deadline - time.monotonic()), _shut, (response.raw,))
        cutter.daemon = True
        cutter.start()
        parts: list[bytes] = []
        size = 0
        try:
            while part := response.raw.read1(CHUNK_BYTES, decode_content=True):
                size += len(part)
                if size > self._http.max_answer_bytes:
                    raise DependencyError(self.name, "too-large")
                if time.monotonic() >= deadline:
                    break
                parts.append(part)
        finally:
            cutter.cancel()
        if time.monotonic() >= deadline:
            raise DependencyError(self.name, "timeout")
        return b"".join(parts)


class _AnswerReader:
    """Reads entries out of an answer, as the row's pointers say."""

    def __init__(self, row: LookupSettings) -> None:
        self._rows = JsonPointer(row.rows)
        self._key = None if row.key is None else JsonPointer(row.key)
        self._members = {name: JsonPointer(pointer) for name, pointer in row.answers.items()}
        self._numbers = frozenset(row.numbers)

    def entries(self, body: bytes, keys: Sequence[str]) -> dict[str, dict[str, Any]] | None:
        """What the answer says of each key, None where it has another shape."""
        try:
            document = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        rows = self._rows.resolve(document, _MISSING)
        if self._key is None:
            return self._only(rows, keys)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return None
        return self._by_key(rows, keys)

    def _only(self, row: Any, keys: Sequence[str]) -> dict[str, dict[str, Any]] | None:
        """One key a call: the answer is its entry, or a list of at most one."""
        if isinstance(row, list):
            if not row:
                return {}
            row = row[0]
        return {keys[0]: self._value(row)} if isinstance(row, dict) else None

    def _by_key(self, rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> dict[str, dict[str, Any]] | None:
        asked = {key.casefold(): key for key in keys}
        found: dict[str, dict[str, Any]] = {}
        for row in rows:
            key = self._key.resolve(row, None) if self._key is not None else None
            if not isinstance(key, str):
                return None
            if (name := asked.get(key.casefold())) is not None:
                found.setdefault(name, self._value(row))
        return found

    def _value(self, row: dict[str, Any]) -> dict[str, Any]:
        value = {name: pointer.resolve(row, None) for name, pointer in self._members.items()}
        return {name: _number(part) if name in self._numbers else part for name, part in value.items()}


def _session_of(row: LookupSettings, http: HttpSettings, secret: str | None) -> requests.Session:
    session = requests.Session()
    session.trust_env = http.trust_environment_proxies
    session.verify = True if http.ca_file is None else str(http.ca_file)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"User-Agent": http.user_agent, "Accept": "application/json"})
    if secret is not None:
        session.headers[row.key_header] = secret
    adapter = GuardedAdapter(is_internal=row.internal, connections=row.concurrency)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _number(part: Any) -> float | None:
    if isinstance(part, bool) or not isinstance(part, str | int | float):
        return None
    try:
        number = float(part)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _retry_after(header: str | None, now: float) -> float | None:
    """Seconds to wait: RFC 9110, 10.2.3, a number of seconds or a date."""
    if header is None:
        return None
    if header.strip().isascii() and header.strip().isdigit():
        return float(header.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _shut(raw: urllib3.HTTPResponse) -> None:
    try:
        raw.shutdown()
    except (OSError, ValueError):
        return  # closed already


def _code_of(error: BaseException) -> str:
    """A short word for what went wrong, from the chain of causes. Never the error's text: it holds the address."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, RefusedAddressError):
            return "address-refused"
        reason = getattr(seen, "reason", None)
        seen = reason if isinstance(reason, BaseException) else seen.__cause__ or seen.__context__
    if isinstance(error, requests.exceptions.SSLError | urllib3.exceptions.SSLError):
        return "tls"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "timeout"
    return "connection"
