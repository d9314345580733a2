"""The stage of `shirase demo`: a broker, a cache and a score provider on free ports, and a real worker beside them.

All of it lives in one temporary folder and is gone when the stage is closed, however the demo ends. Shows nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from workers.cli.demo_cache import keep_an_old_answer
from workers.cli.invocation import Invocation
from workers.embedded.broker import EmbeddedBroker
from workers.embedded.demo_scores import DemoScores
from workers.embedded.loopback import HOST, free_port
from workers.embedded.valkey import EmbeddedValkey
from workers.errors import ConfigError, FatalError

if TYPE_CHECKING:
    from workers.settings import Settings

__all__ = ["DemoStage"]

_PACKAGE_PARENT = Path(__file__).resolve().parents[2]
_END_WITHIN_S = 25.0
_LOG_LINES = 12


class DemoStage:
    """Everything that the demo runs, from entering to leaving."""

    def __init__(self, invocation: Invocation) -> None:
        """Describe a stage with the caller's rules, routes, topics and knowledge; nothing runs before it is entered."""
        self._given = invocation
        self._closing = ExitStack()
        self._tagger: subprocess.Popen[bytes] | None = None
        self.folder = Path()
        self.broker = EmbeddedBroker()
        self.cache = EmbeddedValkey()
        self.metrics_port = 0

    @property
    def items(self) -> Path:
        """The folder of the items that the demo feeds."""
        return self._given.config_dir / "demo"

    @property
    def invocation(self) -> Invocation:
        """The call that sees the demo's servers; without the environment's overrides, which mean other ones."""
        return Invocation(config_dir=self.folder / "config", over=self.folder / "demo.toml", environment={})

    @property
    def settings(self) -> Settings:
        """The settings that the demo's tagger runs with."""
        return self.invocation.settings()

    @property
    def metrics_url(self) -> str:
        """Where the tagger shows its metrics."""
        return f"http://{HOST}:{self.metrics_port}/metrics"

    def __enter__(self) -> Self:
        if not self.items.is_dir():
            raise ConfigError(
                str(self.items), "(folder)", str(self.items), "the demo's items, as the project ships them"
            )
        with ExitStack() as opening:
            self.folder = Path(tempfile.mkdtemp(prefix="shirase-demo-"))
            opening.callback(shutil.rmtree, self.folder, ignore_errors=True)
            scores = DemoScores(json.loads((self.items / "epss.json").read_text(encoding="utf-8"))).start()
            opening.callback(scores.stop)
            opening.enter_context(self.broker)
            opening.enter_context(self.cache)
            self.metrics_port = free_port()
            self._write_settings(scores)
            keep_an_old_answer(self.settings)
            opening.callback(self._end_tagger)
            self._closing = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def start_tagger(self) -> None:
        """Run the worker that `shirase run tagger` would run, in a process of its own, without the supervisor above it.

        Its standard input is our pipe: a worker ends when that does, so that none is left over however the demo dies.
        """
        command = [sys.executable, "-m", "workers.cli.main", *self.invocation.arguments(), "run", "tagger"]
        with (self.folder / "tagger.log").open("ab") as log:
            self._tagger = subprocess.Popen(  # noqa: S603 - ourselves
                [*command, "--worker-slot", "0"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=_environment(os.environ),
                start_new_session=True,  # Ctrl-C is for us: we end it in good order
            )

    def check_tagger(self) -> None:
        """Raises FatalError, with what the tagger said last, where it has ended."""
        if self._tagger is not None and self._tagger.poll() is not None:
            raise FatalError("demo", f"the tagger ended with {self._tagger.returncode}\n{self.log_end()}")

    def log_end(self) -> str:
        """The last lines of the tagger's log."""
        text = (self.folder / "tagger.log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-_LOG_LINES:])

    def _write_settings(self, scores: DemoScores) -> None:
        shutil.copytree(self._given.config_dir, self.folder / "config", ignore=shutil.ignore_patterns("demo"))
        lookups = (self.items / "lookups.toml").read_text(encoding="utf-8")
        lookups = lookups.replace("{epss}", scores.url).replace("{slow}", scores.slow_url)
        (self.folder / "config/lookups.toml").write_text(lookups, encoding="utf-8")
        (self.folder / "demo.toml").write_text(
            f'[kafka]\nbootstrap_servers = "{self.broker.bootstrap}"\n'
            f'[redis]\nurl = "{self.cache.url}"\ntimeout_ms = 250\n'
            f'[metrics]\nhost = "{HOST}"\nport = {self.metrics_port}\n'
            '[filter]\nexclude_sources = ["Sponsored Posts"]\n',
            encoding="utf-8",
        )

    def _end_tagger(self) -> None:
        tagger, self._tagger = self._tagger, None
        if tagger is None:
            return
        tagger.send_signal(signal.SIGTERM)
        try:
            tagger.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            tagger.kill()
            tagger.wait()
        if tagger.stdin is not None:
            tagger.stdin.close()


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment without settings of other stages, with this very package on the path, and the worker's name."""
    kept = {name: value for name, value in given.items() if not name.startswith("SHIRASE_")}
    path = [str(_PACKAGE_PARENT), *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(path), "SHIRASE_KAFKA__INSTANCE": "demo"}
