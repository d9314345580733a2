"""Brokers that a test may stop and start, and the rig on them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.chaos.rig import ROOT, Rig
from tests.support.kafka_server import ApacheKafka, find_kafka
from tests.support.requirement import require
from workers.embedded.loopback import free_port


class BreakableBroker(Protocol):
    """A broker that a test may stop and start again with its data."""

    @property
    def bootstrap(self) -> str: ...

    def stop(self) -> None: ...

    def start(self) -> object: ...


class EmbeddedProcess:
    """The embedded broker as a process of its own, with its data on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> EmbeddedProcess:
        command = [sys.executable, "-m", "workers.embedded", "--port", str(self._port), "--data-dir", str(self._folder)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith(b"ready")
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def breakable_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BreakableBroker]:
    """The embedded broker as a process, and Apache Kafka, each the test's own."""
    if request.param == "embedded":
        broker = EmbeddedProcess(tmp_path / "broker").start()
        yield broker
        broker.stop()
    else:
        require(find_kafka())
        with ApacheKafka() as kafka:
            yield kafka


@pytest.fixture
def rig(breakable_broker: BreakableBroker, tmp_path: Path) -> Iterator[Rig]:
    """A stream on a broker of its own."""
    seed = int(os.environ.get("CHAOS_SEED", time.time_ns() % 1_000_000))
    print(f"CHAOS_SEED={seed}")
    made = Rig(lambda: breakable_broker.bootstrap, tmp_path, seed=seed)
    yield made
    made.close()
