"""`shirase demo`: the whole stream on this machine, with items that ship with the project. Needs nothing installed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workers.cli.invocation import invocation_of
from workers.cli.output import AsJson, is_terminal, print_json

if TYPE_CHECKING:
    from workers.cli.demo_stage import DemoStage
    from workers.cli.metrics_page import Samples

__all__ = ["register"]

_READ_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.1
_FEED = {"news.jsonl": 0, "reports.jsonl": 1, "broken.jsonl": 0, "stories.jsonl": 0}
"""Which file goes into which of the tagger's sources."""

Tell = Callable[[str], None]


def register(app: typer.Typer) -> None:
    """Add `demo` to the program."""
    app.command("demo")(demo)


def demo(
    context: typer.Context,
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave it running and print the addresses, until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the whole stream on this machine and show what comes out. Takes a few seconds.

    Starts a small broker, a cache and a score provider on free ports of this machine, feeds some sixty invented items
    in English and Japanese, and runs the real tagger and the real alerter over the wire. Nothing leaves the machine, and nothing is left
    behind. The broker is a toy for this purpose: a real stream runs on Apache Kafka.
    """
    from workers.cli.demo_report import report, report_addresses
    from workers.cli.demo_stage import DemoStage

    tell = _narrator(quiet=as_json)
    started = time.monotonic()
    with _ended_in_good_order(), DemoStage(invocation_of(context)) as stage:
        fed, samples = _run(stage, tell)
        facts = report(stage, fed, samples, time.monotonic() - started)
        if as_json:
            print_json(facts.plain())
        else:
            facts.show()
        if keep:
            report_addresses(stage)
            _wait_until_interrupted(stage)
            tell("ending")
    if not facts.adds_up():
        raise typer.Exit(1)


def _run(stage: DemoStage, tell: Tell) -> tuple[int, Samples]:
    from workers.cli.demo_alerts import wait_until_told
    from workers.cli.metrics_page import total

    tell(f"broker on {stage.broker.bootstrap}, cache on {stage.cache.url}, all on this machine")
    tell(f"{_create_topics(stage)} topics created")
    stage.start_workers()
    fed = _feed(stage)
    tell(f"{fed} records fed; the tagger reads them")
    samples = _wait_until_read(stage, fed)
    tell("all are read; the alerter folds them into stories")
    tagged = int(total(samples, "outcomes_total", outcome="tagged"))
    wait_until_told(stage.settings, stage.alerter_url, tagged, stage.check_workers)
    return fed, samples


def _create_topics(stage: DemoStage) -> int:
    from workers.adapters.kafka_admin import TopicAdmin

    settings = stage.settings
    with TopicAdmin(settings.kafka) as admin:
        done, _ = admin.apply(settings.topics)
    return len(done)


def _feed(stage: DemoStage) -> int:
    from workers.cli.documents import read_documents
    from workers.cli.ingest import ingest_documents
    from workers.cli.progress import silent_progress

    settings = stage.settings
    return sum(
        ingest_documents(
            settings.kafka, settings.tagger.sources[source], read_documents([stage.file_of(name)]), silent_progress
        )
        for name, source in _FEED.items()
    )


def _wait_until_read(stage: DemoStage, fed: int) -> Samples:
    from workers.cli.metrics_page import fetch_samples, total
    from workers.errors import DependencyError, FatalError

    deadline = time.monotonic() + _READ_WITHIN_S
    while time.monotonic() < deadline:
        stage.check_workers()
        try:
            samples = fetch_samples(stage.metrics_url)
        except DependencyError:
            samples = {}
        if total(samples, "outcomes_total") >= fed:
            return samples
        time.sleep(_LOOK_EVERY_S)
    raise FatalError("demo", f"not all records were read within {_READ_WITHIN_S:g} s\n{stage.log_end()}")


def _wait_until_interrupted(stage: DemoStage) -> None:
    try:
        while True:
            stage.check_workers()
            time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        return


def _narrator(*, quiet: bool) -> Tell:
    if quiet:
        return lambda _: None
    if is_terminal():
        return lambda line: typer.secho(line, dim=True)
    return typer.echo


@contextmanager
def _ended_in_good_order() -> Iterator[None]:
    """Within, a polite signal ends the demo as Ctrl-C does: with everything that it started."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
