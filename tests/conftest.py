"""What every test may ask for: brokers and caches, real or embedded (see tests/support)."""

from __future__ import annotations

import os
import signal

import pytest

pytest_plugins = ["tests.support.brokers", "tests.support.redis_servers"]

# kafka-python 3.0.12 leaves the socket of a connection that was refused or cut to the collector, which complains in whatever
# test it runs in. So no unclosed socket can be an error here.
_LEFT_TO_THE_COLLECTOR = r"ignore:unclosed <socket:ResourceWarning"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", _LEFT_TO_THE_COLLECTOR)
    # A shell's background job ignores SIGINT, and its children inherit that: tests that interrupt a program would hang.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A galaxy that the user of this machine took with `shirase knowledge update` is no part of what is tested.
    os.environ["XDG_DATA_HOME"] = "/nonexistent"
