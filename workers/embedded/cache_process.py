"""A Redis-protocol server program as a child process on loopback, with a private directory that goes with it.

Serves the demo and the tests: nothing is persisted, and the process can be killed, stopped in its tracks and started
again on the same port.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from workers.embedded.loopback import HOST, free_port

__all__ = ["CacheProcess"]

_READY_WITHIN_S = 10.0
_END_WITHIN_S = 5.0
_POLL_S = 0.01
_ANSWER_WITHIN_S = 1.0


class CacheProcess:
    """Runs `program` (redis-server, valkey-server) while it is open."""

    def __init__(self, program: Path, port: int = 0) -> None:
        """Describe a server; nothing runs before `start`."""
        self._program = program
        self._port = port
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for clients; known once the server was started."""
        return f"redis://{HOST}:{self._port}/0"

    def start(self) -> Self:
        """Start the server, on the same port as before if it ran before, and wait until it answers.

        Raises:
            OSError: the program cannot be run.
            TimeoutError: it does not answer in time.

        """
        if self._process is None:
            self._port = self._port or free_port()
            self._folder = self._folder or Path(tempfile.mkdtemp(prefix="shirase-cache-"))
            try:
                self._process = self._spawn(self._folder)
                self._wait_until_ready()
            except OSError:  # TimeoutError is one
                self.close()
                raise
        return self

    def stop(self) -> None:
        """End the server in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server at once (SIGKILL)."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze the server (SIGSTOP): connections stay open and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End the server and remove its directory."""
        self.stop()
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _spawn(self, folder: Path) -> subprocess.Popen[bytes]:
        settings = {"port": str(self._port), "bind": HOST, "dir": str(folder), "save": "", "appendonly": "no"}
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        with (folder / "server.log").open("ab") as log:
            return subprocess.Popen([self._program, *options], stdout=log, stderr=log, cwd=folder)  # noqa: S603 - ours

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while not self._answers():
            has_ended = self._process is None or self._process.poll() is not None
            if has_ended or time.monotonic() > deadline:
                log = "" if self._folder is None else (self._folder / "server.log").read_text(errors="replace")
                self.kill()
                msg = f"{self._program.name} did not answer on port {self._port}: {log[-500:]}"
                raise TimeoutError(msg)
            time.sleep(_POLL_S)

    def _answers(self) -> bool:
        """Ask who answers: on a taken port it would be somebody else's server."""
        ours = b"" if self._process is None else b"process_id:%d\r\n" % self._process.pid
        try:
            with socket.create_connection((HOST, self._port), _ANSWER_WITHIN_S) as probe:
                probe.sendall(b"INFO server\r\n")
                return ours in probe.recv(4096)
        except OSError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)  # a frozen process takes no other signal but SIGKILL
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_WITHIN_S)
        process.kill()
        process.wait(_END_WITHIN_S)
