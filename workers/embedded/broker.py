"""`EmbeddedBroker`: a Kafka-protocol broker in a thread of this process. It is no production broker.

It exists so that the demo and the tests run with nothing installed: one node, on 127.0.0.1, without replication,
encryption, access control, retention or compaction. Kafka clients connect to it over TCP and get transactions,
fencing and consumer groups that behave as Apache Kafka's do; one law suite runs on both. Without a data directory the
records live in memory and die with the process; with one, what was acknowledged survives a killed process, but not a
machine that loses power.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from workers.embedded.faults import FaultHooks
from workers.embedded.loopback import free_port
from workers.embedded.running import ServerThread
from workers.embedded.server import BrokerServer
from workers.embedded.state import BrokerState
from workers.embedded.topic_config import refusal

__all__ = ["EmbeddedBroker"]


class EmbeddedBroker:
    """A broker that can be started, stopped and started again on the same port with what it had.

    `faults` orders errors, cut connections and delays; see `FaultHooks`.
    """

    def __init__(self, port: int = 0, data_dir: Path | None = None) -> None:
        """Describe a broker; nothing is opened before `start` or `create_topic`."""
        self.faults = FaultHooks()
        self._port = port
        self._data_dir = data_dir
        self._state: BrokerState | None = None
        self._run: ServerThread | None = None

    @property
    def bootstrap(self) -> str:
        """The address that clients connect to; known once the broker was started."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> Self:
        """Serve; on the same port as before if it was started before.

        Raises:
            OSError: the port or the data directory cannot be had.

        """
        if self._run is None:
            self._port = self._port or free_port()
            run = ServerThread(BrokerServer(self._open(), self.faults), self._port)
            run.wait_until_ready()
            self._run = run
        return self

    def stop(self) -> None:
        """Drop every connection and stop listening; topics, records, offsets and transactions are kept."""
        run, self._run = self._run, None
        if run is not None:
            run.stop()

    def close(self) -> None:
        """Stop and let go of the data; a broker in memory forgets everything."""
        self.stop()
        state, self._state = self._state, None
        if state is not None:
            state.close()

    def create_topic(self, name: str, partitions: int, configs: Mapping[str, str] | None = None) -> None:
        """Create a topic, or give an existing one these settings and at least these partitions.

        Raises:
            ValueError: a setting is unknown or its value is.

        """
        wanted = dict(configs or {})
        message = refusal(wanted)
        if message:
            raise ValueError(message)
        state = self._open()

        def declare() -> None:
            state.topics.declare(name, partitions, wanted)

        if self._run is None:
            declare()
        else:
            self._run.do(declare)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> BrokerState:
        if self._state is None:
            self._state = BrokerState(self._data_dir)
        return self._state
