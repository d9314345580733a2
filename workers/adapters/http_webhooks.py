"""The port Sink over HTTP: one POST a try, signed where the sink has a key. Knows nothing of what is in the body.

The address, its query and the key never stand in an error or a log line: with most services the address is the secret.
No redirect is followed, no cookie kept, certificates are checked, and addresses that are not public are refused unless
the sink is declared internal. The answer's body is not read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from typing import TypeAlias

import requests
import urllib3

from workers.adapters.http_connect import GuardedAdapter, RefusedAddressError
from workers.errors import DependencyError
from workers.ports import Clock
from workers.settings import HttpSettings
from workers.settings.webhooks import WebhookSettings

__all__ = ["HttpSink", "Sign"]

Sign: TypeAlias = Callable[[int, bytes], tuple[str, str]]
"""The header and its value that sign a body at a time (seconds since 1970)."""
_TALKATIVE = ("urllib3.connection", "urllib3.connectionpool")
_LONGEST_WAIT = 9


class HttpSink:
    """See `workers.ports.Sink`. For one thread."""

    def __init__(self, row: WebhookSettings, http: HttpSettings, clock: Clock, sign: Sign | None) -> None:
        """Opens no connection. Raises ConfigError."""
        self._row = row
        self._http = http
        self._clock = clock
        self._sign = sign
        self._url = row.address()
        self._session = _session(row, http)
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.ERROR)

    def send(self, key: str, body: bytes, timeout_s: float) -> None:
        """See the port."""
        deadline = time.monotonic() + timeout_s
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if self._sign is not None:
            headers.update([self._sign(int(self._clock.wall()), body)])
        connect_s = min(self._http.connect_timeout_ms / 1000, timeout_s)
        try:
            response = self._session.post(
                self._url,
                data=body,
                headers=headers,
                timeout=(connect_s, timeout_s),
                allow_redirects=False,
                stream=True,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            code = "timeout" if time.monotonic() >= deadline else _code_of(error)
        else:
            with response:
                if response.ok and not response.is_redirect:
                    return
                wait = _retry_after(response.headers.get("Retry-After"))
                raise DependencyError(self._row.name, f"http-{response.status_code}", retry_after=wait)
        raise DependencyError(self._row.name, code)  # outside, so that the client's error is not its context

    def close(self) -> None:
        """See the port."""
        self._session.close()


def _session(row: WebhookSettings, http: HttpSettings) -> requests.Session:
    session = requests.Session()
    session.trust_env = http.trust_environment_proxies
    session.verify = True if http.ca_file is None else str(http.ca_file)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"User-Agent": http.user_agent, "Accept": "*/*"})
    adapter = GuardedAdapter(is_internal=row.internal, connections=1)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _retry_after(header: str | None) -> float | None:
    """Seconds to wait, where the sink says a number."""
    text = (header or "").strip()
    return float(text[:_LONGEST_WAIT]) if text.isascii() and text.isdigit() else None


def _code_of(error: BaseException) -> str:
    """A short word for what went wrong, from the chain of causes; never the error's text, which holds the address."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, RefusedAddressError):
            return "address-refused"
        reason = getattr(seen, "reason", None)
        seen = reason if isinstance(reason, BaseException) else seen.__cause__ or seen.__context__
    if isinstance(error, requests.exceptions.SSLError):
        return "tls"
    return "timeout" if isinstance(error, requests.Timeout) else "connection"
