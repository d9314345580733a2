"""Free ports on 127.0.0.1 for servers that must come back on the same port.

The system's own free ports lie in the range from which outgoing connections take theirs: while such a server is down,
a client's reconnect attempt may be given that very port and connect to itself. So ports below that range are tried.
"""

from __future__ import annotations

import random
import socket

__all__ = ["HOST", "free_port"]

HOST = "127.0.0.1"
_LEAST, _GREATEST = 10_240, 32_000  # Linux hands out 32768 and above (net.ipv4.ip_local_port_range)
_ATTEMPTS = 200


def free_port() -> int:
    """Return a port that nobody listened on a moment ago.

    Raises:
        OSError: none was found.

    """
    choose = random.SystemRandom()  # two copies started in the same moment must not try the same ports
    for _ in range(_ATTEMPTS):
        port = choose.randint(_LEAST, _GREATEST)
        if _is_free(port):
            return port
    msg = f"no free port on {HOST} between {_LEAST} and {_GREATEST}"
    raise OSError(msg)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
