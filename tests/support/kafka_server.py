"""Apache Kafka on loopback: one KRaft node with its data in a temporary folder, for tests and by hand.

python -m tests.support.kafka_server start     prints the address; the server stays
python -m tests.support.kafka_server stop      ends it and removes its data
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from types import TracebackType
from typing import Self

from kafka.protocol.metadata import MetadataRequest, MetadataResponse

from tests.support.kafka_jars import CACHE, find_kafka, kafka_classpath
from workers.embedded.loopback import HOST, free_port

__all__ = ["ApacheKafka", "find_kafka"]

_READY_WITHIN_S = 60.0
_END_WITHIN_S = 30.0
_POLL_S = 0.1
_ANSWER_WITHIN_S = 3.0
_RUNNING = CACHE / "running.json"
_JVM = ["-Xmx768m", "-Xms128m", "-XX:+UseSerialGC"]


class ApacheKafka:
    """A broker that can be stopped or killed and started again on the same port with its data."""

    def __init__(self, folder: Path | None = None) -> None:
        """Describe a server; nothing runs before `start`. Without a folder it makes its own and removes it at `close`."""
        self.folder = folder or Path(tempfile.mkdtemp(prefix="shirase-kafka-"))
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients; known once the server was started."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "not running"
        return self._process.pid

    @property
    def log(self) -> Path:
        """The file that holds what the server says."""
        return self.folder / "server.log"

    def start(self, *, outlives_us: bool = False) -> Self:
        """Start the server and wait until it serves; the first start also formats its storage.

        Raises:
            RuntimeError: it did not come up; the message ends with its log.
        """
        if self._process is None:
            if not self.port:
                self.port = free_port()
                self._format()
            command = ["java", *_JVM, "-cp", kafka_classpath(), "kafka.Kafka", str(self._properties)]
            if not outlives_us and shutil.which("setpriv"):  # a killed test run leaves no server behind
                command = ["setpriv", "--pdeathsig", "KILL", *command]
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=outlives_us)
            self._wait_until_ready()
        return self

    def stop(self, *, kill: bool = False) -> None:
        """End the server, in good order or at once (SIGKILL); its data stays."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            process.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_END_WITHIN_S)

    def close(self) -> None:
        """End the server and remove its data."""
        self.stop(kill=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _format(self) -> None:
        controller = free_port()
        while controller == self.port:
            controller = free_port()
        self._properties.write_text(_properties(self.port, controller, self.folder / "data"))
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        arguments = ["format", "--standalone", "-t", cluster_id, "-c", str(self._properties)]
        done = subprocess.run(
            ["java", *_JVM, "-cp", kafka_classpath(), "kafka.tools.StorageTool", *arguments],
            capture_output=True,
            text=True,
            timeout=_READY_WITHIN_S,
            check=False,
        )
        if done.returncode:
            msg = f"Apache Kafka's storage could not be formatted: {done.stdout}{done.stderr}"
            raise RuntimeError(msg)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while not _serves(self.port):
            has_ended = self._process is None or self._process.poll() is not None
            if has_ended or time.monotonic() > deadline:
                self.stop(kill=True)
                msg = f"Apache Kafka did not come up: {self.log.read_text(errors='replace')[-3000:]}"
                raise RuntimeError(msg)
            time.sleep(_POLL_S)


def _serves(port: int) -> bool:
    """Ask for metadata by hand: clients that fail to connect would leave sockets behind."""
    asked = MetadataRequest(topics=[])
    asked.API_VERSION = 1
    asked.with_header(correlation_id=1)
    try:
        with socket.create_connection((HOST, port), _ANSWER_WITHIN_S) as probe:
            probe.settimeout(_ANSWER_WITHIN_S)
            probe.sendall(asked.encode(header=True, framed=True))
            with probe.makefile("rb") as reader:
                body = reader.read(int.from_bytes(reader.read(4)))
    except OSError:
        return False
    return bool(body) and bool(MetadataResponse.decode(body, version=1, header=True).brokers)


def _properties(port: int, controller: int, data: Path) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": f"{HOST}:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 3,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 3,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 100,  # tests lose members within seconds
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 200,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _start_by_hand() -> int:
    reason = find_kafka()
    if reason:
        print(reason, file=sys.stderr)
        return 1
    if _RUNNING.exists():
        _stop_by_hand()
    kafka = ApacheKafka().start(outlives_us=True)
    _RUNNING.write_text(json.dumps({"pid": kafka.pid, "folder": str(kafka.folder), "bootstrap": kafka.bootstrap}))
    print(kafka.bootstrap)
    return 0


def _stop_by_hand() -> int:
    if not _RUNNING.exists():
        return 0
    running = json.loads(_RUNNING.read_text())
    command = Path(f"/proc/{running['pid']}/cmdline")
    # The number may belong to somebody else by now: only our own server is ended.
    if command.exists() and running["folder"].encode() in command.read_bytes():
        os.kill(running["pid"], signal.SIGTERM)
        deadline = time.monotonic() + _END_WITHIN_S
        while command.exists() and command.read_bytes() and time.monotonic() < deadline:
            time.sleep(_POLL_S)
    shutil.rmtree(running["folder"], ignore_errors=True)
    _RUNNING.unlink()
    return 0


if __name__ == "__main__":
    commands = {"start": _start_by_hand, "stop": _stop_by_hand}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    sys.exit(commands[sys.argv[1]]())
