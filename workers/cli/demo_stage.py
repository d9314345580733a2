"""The stage of `shirase demo`: a broker, a cache and a score provider on free ports, and the real workers beside them.

All of it lives in one temporary folder and is gone when the stage is closed, however the demo ends. Shows nothing.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from workers.cli.demo_alerts import STORIES, quick_rules, write_dated_items
from workers.cli.demo_cache import keep_an_old_answer
from workers.cli.demo_process import DemoProcess
from workers.cli.invocation import Invocation
from workers.embedded.broker import EmbeddedBroker
from workers.embedded.demo_scores import DemoScores
from workers.embedded.loopback import HOST, free_port
from workers.embedded.valkey import EmbeddedValkey
from workers.errors import ConfigError

if TYPE_CHECKING:
    from workers.settings import Settings

__all__ = ["DemoStage"]


class DemoStage:
    """Everything that the demo runs, from entering to leaving."""

    def __init__(self, invocation: Invocation) -> None:
        """Describe a stage with the caller's rules, routes, topics and knowledge; nothing runs before it is entered."""
        self._given = invocation
        self._closing = ExitStack()
        self._workers: list[DemoProcess] = []
        self.folder = Path()
        self.broker = EmbeddedBroker()
        self.cache = EmbeddedValkey()
        self.metrics_port = 0
        self.alerter_port = 0

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

    @property
    def alerter_url(self) -> str:
        """Where the alerter shows its metrics."""
        return f"http://{HOST}:{self.alerter_port}/metrics"

    def file_of(self, name: str) -> Path:
        """The file of items called `name`, ready to be fed."""
        return write_dated_items(self.items / name, self.folder / name) if name == STORIES else self.items / name

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
            self.metrics_port, self.alerter_port = free_port(), free_port()
            self._write_settings(scores)
            keep_an_old_answer(self.settings)
            opening.callback(self._end_workers)
            self._closing = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def start_workers(self) -> None:
        """Run a tagger and an alerter."""
        for name in ("tagger", "alerter"):
            self._workers.append(DemoProcess(name, self.invocation.arguments(), self.folder))

    def check_workers(self) -> None:
        """Raises FatalError, with what it said last, where one has ended."""
        for worker in self._workers:
            worker.check()

    def log_end(self) -> str:
        """The last lines of the workers' logs."""
        return "\n".join(worker.log_end() for worker in self._workers)

    def _write_settings(self, scores: DemoScores) -> None:
        shutil.copytree(self._given.config_dir, self.folder / "config", ignore=shutil.ignore_patterns("demo"))
        lookups = (self.items / "lookups.toml").read_text(encoding="utf-8")
        lookups = lookups.replace("{epss}", scores.url).replace("{slow}", scores.slow_url)
        (self.folder / "config/lookups.toml").write_text(lookups, encoding="utf-8")
        quick_rules(self.folder / "config/alerts.toml")
        (self.folder / "demo.toml").write_text(
            f'[kafka]\nbootstrap_servers = "{self.broker.bootstrap}"\n'
            f'[redis]\nurl = "{self.cache.url}"\ntimeout_ms = 250\n'
            f'[metrics]\nhost = "{HOST}"\nport = {self.metrics_port}\n'
            f"[alerter]\nmetrics_port = {self.alerter_port}\n"
            '[filter]\nexclude_sources = ["Sponsored Posts"]\n',
            encoding="utf-8",
        )

    def _end_workers(self) -> None:
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.ask_to_end()
        for worker in workers:
            worker.end()
