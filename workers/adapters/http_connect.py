"""Connections to third parties with the bounds that `requests` lacks. No request is made here.

A name is resolved once; if any of its addresses is not public (private, loopback, link-local, shared, multicast,
or one of these inside an IPv6 wrapping) the connection is refused, unless the provider is declared internal; and the
connection goes to the very address that was looked at. All attempts to connect share one time limit, and so do all
headers of an answer: a server that drips them is cut off. Only the resolver itself cannot be given a limit.

A proxy, where one is configured, resolves names itself: then it has to do the refusing.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from typing import Any

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

__all__ = ["GuardedAdapter", "RefusedAddressError", "is_public"]

NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""The well-known prefix of RFC 6052."""
MAX_ADDRESSES = 4
DEFAULT_LIMIT_S = 10.0

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class RefusedAddressError(NewConnectionError):
    """The provider's name leads to an address that is not public."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public network, IPv4 inside IPv6 unwrapped."""
    ip: _Address = ipaddress.ip_address(address.partition("%")[0])
    wrapped = _wrapped(ip)
    if wrapped is not None:
        ip = wrapped
    return ip.is_global and not ip.is_multicast


def _wrapped(ip: _Address) -> ipaddress.IPv4Address | None:
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip in NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    teredo = ip.teredo
    return ip.ipv4_mapped or ip.sixtofour or (teredo[1] if teredo else None)


class _Bounded:
    """What both schemes' connections have in common. `is_internal`: any address will do."""

    is_internal = False
    host: str
    port: int | None
    timeout: Any
    sock: Any
    socket_options: Any
    _dns_host: str

    def _new_conn(self) -> socket.socket:
        limit = self.timeout if isinstance(self.timeout, int | float) else DEFAULT_LIMIT_S
        until = time.monotonic() + limit
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            fault = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
            raise NameResolutionError(self.host, self, fault) from error  # type: ignore[arg-type]
        if not self.is_internal and not all(is_public(str(entry[4][0])) for entry in found):
            raise RefusedAddressError(self, "not a public address")  # type: ignore[arg-type]
        return self._first_to_answer(found[:MAX_ADDRESSES], until)

    def _first_to_answer(self, found: list[Any], until: float) -> socket.socket:
        last: OSError = OSError("no address")
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(max(0.001, until - time.monotonic()))
                sock.connect(address)
            except OSError as error:
                sock.close()
                last = error
            else:
                return sock
        if isinstance(last, TimeoutError):
            raise ConnectTimeoutError(self, "timed out") from last
        raise NewConnectionError(self, "cannot connect") from last  # type: ignore[arg-type]

    def getresponse(self) -> Any:
        """The answer's status and headers, all of them within the read time limit."""
        limit = self.timeout if isinstance(self.timeout, int | float) else DEFAULT_LIMIT_S
        cutter = threading.Timer(limit, _cut, (self.sock,))
        cutter.daemon = True
        cutter.start()
        try:
            return super().getresponse()  # type: ignore[misc]
        finally:
            cutter.cancel()


def _cut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # closed already


class _PublicHttp(_Bounded, HTTPConnection):  # type: ignore[misc]
    pass


class _PublicHttps(_Bounded, HTTPSConnection):  # type: ignore[misc]
    pass


class _InternalHttp(_PublicHttp):
    is_internal = True


class _InternalHttps(_PublicHttps):
    is_internal = True


class _PublicHttpPool(HTTPConnectionPool):
    ConnectionCls = _PublicHttp  # type: ignore[assignment]


class _PublicHttpsPool(HTTPSConnectionPool):
    ConnectionCls = _PublicHttps  # type: ignore[assignment]


class _InternalHttpPool(HTTPConnectionPool):
    ConnectionCls = _InternalHttp  # type: ignore[assignment]


class _InternalHttpsPool(HTTPSConnectionPool):
    ConnectionCls = _InternalHttps  # type: ignore[assignment]


class GuardedAdapter(HTTPAdapter):
    """Mounted on a session, makes its connections as the module says. No retries."""

    def __init__(self, *, is_internal: bool, connections: int) -> None:
        self._pools: dict[str, type[HTTPConnectionPool]] = (
            {"http": _InternalHttpPool, "https": _InternalHttpsPool}
            if is_internal
            else {"http": _PublicHttpPool, "https": _PublicHttpsPool}
        )
        super().__init__(pool_connections=2, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:  # noqa: FBT001, FBT002 - the base's signature
        """See `HTTPAdapter`."""
        super().init_poolmanager(connections, maxsize, block, **options)
        manager: urllib3.PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = self._pools
