"""One bounded call to a third party over HTTP (requests). Knows nothing of what is asked, nor of what the answer means.

Bounds of every call: one time limit for all of it, a size limit on the decoded answer, no redirect followed, no
cookie kept, certificates checked, no proxy or password from the environment unless the settings say so. A status that
the caller does not expect is a DependencyError with a short code. Neither the provider's key nor the query stands in
any error or log line of ours: the client's own errors carry both, so they are dropped, and its loggers that print
addresses are turned down.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol

import requests
import urllib3
from msgspec import Struct

from workers.adapters.http_connect import GuardedAdapter, RefusedAddressError
from workers.errors import DependencyError
from workers.ports import Clock
from workers.settings import HttpSettings

__all__ = ["Answer", "CallTarget", "HttpCaller"]

CHUNK_BYTES = 65536
OK = 200
_TALKATIVE = ("urllib3.connection", "urllib3.connectionpool")


class Answer(Struct, frozen=True):
    """What came back: one of the statuses that were expected."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class CallTarget(Protocol):
    """Who is called, as errors name it, and how: whether any address will do, how many at a time, where a key goes."""

    @property
    def provider(self) -> str:
        """The name in errors."""
        ...

    @property
    def internal(self) -> bool:
        """Whether addresses that are not public are allowed."""
        ...

    @property
    def concurrency(self) -> int:
        """How many connections are kept."""
        ...

    @property
    def key_header(self) -> str:
        """The header that carries the key."""
        ...

    @property
    def key_prefix(self) -> str:
        """What stands before the key."""
        ...


class HttpCaller:
    """Calls one provider. For several threads."""

    def __init__(self, row: CallTarget, http: HttpSettings, clock: Clock, secret: str | None) -> None:
        """Opens no connection."""
        self._name = row.provider
        self._http = http
        self._clock = clock
        self.session = _session_of(row, http, secret)
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.ERROR)

    def call(
        self, method: str, endpoint: str, options: Mapping[str, Any], *, expected: Collection[int], timeout_s: float
    ) -> Answer:
        """The answer, status 200 or one of `expected`. Raises DependencyError for anything else, within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        try:
            with self._send(method, endpoint, options, deadline) as response:
                self._check_status(response, expected)
                return Answer(response.status_code, response.headers, self._body(response, deadline))
        except DependencyError:
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            code = "timeout" if time.monotonic() >= deadline else _code_of(error)
        raise DependencyError(self._name, code)

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def _send(self, method: str, endpoint: str, options: Mapping[str, Any], deadline: float) -> requests.Response:
        left = deadline - time.monotonic()
        connect = min(self._http.connect_timeout_ms / 1000, left)
        return self.session.request(
            method, endpoint, stream=True, allow_redirects=False, timeout=(connect, left), **options
        )

    def _check_status(self, response: requests.Response, expected: Collection[int]) -> None:
        status = response.status_code
        if status == OK or status in expected:
            return
        wait = _retry_after(response.headers.get("Retry-After"), self._clock.wall())
        raise DependencyError(self._name, "redirect" if response.is_redirect else f"http-{status}", retry_after=wait)

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
                    raise DependencyError(self._name, "too-large")
                if time.monotonic() >= deadline:
                    break
                parts.append(part)
        finally:
            cutter.cancel()
        if time.monotonic() >= deadline:
            raise DependencyError(self._name, "timeout")
        return b"".join(parts)


def _session_of(row: CallTarget, http: HttpSettings, secret: str | None) -> requests.Session:
    session = requests.Session()
    session.trust_env = http.trust_environment_proxies
    session.verify = True if http.ca_file is None else str(http.ca_file)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"User-Agent": http.user_agent, "Accept": "application/json"})
    if secret is not None:
        session.headers[row.key_header] = row.key_prefix + secret
    adapter = GuardedAdapter(is_internal=row.internal, connections=row.concurrency)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


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
