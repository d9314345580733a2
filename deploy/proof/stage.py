"""The stream that the proof watches: the demo's broker and cache, a tagger, an alerter, and a feed that does not end."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.proof import ROOT
from workers.adapters.kafka_admin import TopicAdmin
from workers.cli.demo_stage import DemoStage
from workers.cli.documents import Document
from workers.cli.ingest import ingest_documents
from workers.cli.invocation import Invocation
from workers.cli.progress import silent_progress
from workers.embedded.loopback import HOST, free_port

__all__ = ["Stream", "running_stream", "under_load"]

_FEED = (("news.jsonl", 0, 1), ("reports.jsonl", 1, 1), ("broken.jsonl", 0, 4), ("stories.jsonl", 0, 1_000))
"""Which file, into which of the tagger's sources, and every how many turns."""
_COPIES = 2
_EVERY_S = 0.5
_READY_WITHIN_S = 60.0
_END_WITHIN_S = 25.0


@dataclass(frozen=True)
class Stream:
    """A running stream that nobody feeds yet: the addresses to scrape by job."""

    stage: DemoStage
    targets: dict[str, list[str]]


@contextmanager
def running_stream() -> Iterator[Stream]:
    """The demo's stream, ready for records. Raises RuntimeError where it does not get ready; FatalError where it ends."""
    given = Invocation(config_dir=ROOT / "config", over=None, environment={})
    with ExitStack() as closing:
        stage = closing.enter_context(DemoStage(given))
        with TopicAdmin(stage.settings.kafka) as admin:
            admin.apply(stage.settings.topics)
        _configure_a_dead_webhook(stage.folder / "config")
        stage.start_workers()
        ports = {"shirase-tagger": stage.metrics_port, "shirase-alerter": stage.alerter_port}
        targets = {job: [f"{HOST}:{port}"] for job, port in ports.items()}
        for addresses in targets.values():
            _wait_until_ready(addresses[0])
        yield Stream(stage, targets)
        stage.check_workers()


def _configure_a_dead_webhook(config: Path) -> None:
    """A sink that nobody serves, so that deliveries are counted, and fail: what the alert on them selects."""
    (config / "hmac").write_text("proof", encoding="utf-8")
    row = (
        f'name = "nobody"\nkind = "generic"\nurl = "http://{HOST}:{free_port()}/"\nsecret_file = "{config / "hmac"}"\n'
    )
    limits = 'internal = true\ntlp_ceiling = "RED"\ntimeout_ms = 500\ndeadline_ms = 1000\n'
    (config / "webhooks.toml").write_text(f"[[webhook]]\n{row}{limits}", encoding="utf-8")


def _wait_until_ready(address: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _READY_WITHIN_S
    while True:
        try:
            with opener.open(f"http://{address}/readyz", timeout=2):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{address} is not ready within {_READY_WITHIN_S:g} s: {error}") from error
            time.sleep(0.2)


@contextmanager
def under_load(stream: Stream) -> Iterator[None]:
    """Within, the demo's items come again and again, each time as new ones of this moment."""
    stopped = threading.Event()
    thread = threading.Thread(target=_pour, args=(stream.stage, stopped), name="feed", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(_END_WITHIN_S)


def _pour(stage: DemoStage, stopped: threading.Event) -> None:
    settings, turn = stage.settings, 0
    while not stopped.is_set():
        for name, source, every in _FEED:
            if turn % every:
                continue
            lines = stage.file_of(name).read_bytes().splitlines() * _COPIES
            documents = [_renewed(line, turn, number) for number, line in enumerate(lines)]
            ingest_documents(settings.kafka, settings.tagger.sources[source], documents, silent_progress)
        turn += 1
        stopped.wait(_EVERY_S)


def _renewed(line: bytes, turn: int, number: int) -> Document:
    """The item under an id of its own and of today; what cannot be read stays as it is."""
    try:
        item = json.loads(line)
    except ValueError:
        item = None
    if not isinstance(item, dict):
        return Document(origin="proof", value=line, octets=len(line))
    item["id"] = f"{item.get('id', 'proof')}-{turn}-{number}"
    item["published_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    value = json.dumps(item, ensure_ascii=False).encode("utf-8")
    return Document(origin="proof", value=value, octets=len(value))
