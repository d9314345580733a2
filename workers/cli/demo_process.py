"""A real worker beside the demo, in a process of its own, without the supervisor above it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from workers.errors import FatalError

__all__ = ["DemoProcess"]

_PACKAGE_PARENT = Path(__file__).resolve().parents[2]
_END_WITHIN_S = 25.0
_LOG_LINES = 12


class DemoProcess:
    """What `shirase run NAME` would run.

    Its standard input is our pipe: a worker ends when that does, so that none is left over however the demo dies.
    """

    def __init__(self, name: str, arguments: Sequence[str], folder: Path) -> None:
        """Start it; its log goes to a file in `folder`."""
        self._name = name
        self._log = folder / f"{name}.log"
        command = [sys.executable, "-m", "workers.cli.main", *arguments, "run", name, "--worker-slot", "0"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=_environment(os.environ),
                start_new_session=True,  # Ctrl-C is for us: we end it in good order
            )

    def check(self) -> None:
        """Raises FatalError, with what it said last, where it has ended."""
        if self._process.poll() is not None:
            raise FatalError("demo", f"the {self._name} ended with {self._process.returncode}\n{self.log_end()}")

    def log_end(self) -> str:
        """The last lines of its log."""
        text = self._log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-_LOG_LINES:])

    def ask_to_end(self) -> None:
        """Ask politely; returns at once."""
        self._process.send_signal(signal.SIGTERM)

    def end(self) -> None:
        """End it, politely where it lets itself be asked."""
        self.ask_to_end()
        try:
            self._process.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment without settings of other stages, with this very package on the path, and the worker's name."""
    kept = {name: value for name, value in given.items() if not name.startswith("SHIRASE_")}
    path = [str(_PACKAGE_PARENT), *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(path), "SHIRASE_KAFKA__INSTANCE": "demo"}
