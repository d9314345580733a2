"""What every test may ask for: brokers and caches, real or embedded (see tests/support)."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.support.brokers", "tests.support.redis_servers"]

# kafka-python 3.0.12 does not close the socket of a connection attempt that was refused, and the collector complains
# in whatever test it runs in. Such a socket is bound to no address; every other unclosed socket stays an error.
_REFUSED_ATTEMPT = r"ignore:unclosed <socket.*laddr=\('0\.0\.0\.0'.*>$:ResourceWarning"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", _REFUSED_ATTEMPT)
