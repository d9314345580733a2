"""The composition root: the one place that knows which adapter stands behind which port. Nothing imports from here but
the commands. Builds things; decides nothing about records.
"""

from __future__ import annotations

import gc
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from workers import __version__
from workers.cli.wiring_metrics import show_versions
from workers.enrich import Enricher, NullEnricher
from workers.errors import ConfigError, DependencyError, FatalError, FencedError
from workers.formats.raw_item import ItemDecoder
from workers.formats.tagged_event import EventBuilder, HeaderBuilder
from workers.model import Record
from workers.ports import Clock, LateAnswers, Telemetry
from workers.settings import Settings
from workers.tagger.batching import limits_of
from workers.tagger.health import LoopHealth
from workers.tagger.limits import DeadLetterLimit
from workers.tagger.loop import LoopParts, TaggerLoop
from workers.tagger.outputs import OutputLimits
from workers.tagger.pipeline import NullReader, Pipeline, PipelineParts, Reader
from workers.tagger.routing import Router

if TYPE_CHECKING:
    from workers.adapters.health_server import HealthServer
    from workers.adapters.process import AlarmWatchdog
    from workers.adapters.prometheus import PrometheusTelemetry

__all__ = ["needed_topics", "run_worker", "tagger_pipeline", "transactional_id"]

_SOURCE = "urn:shirase:tagger"
_log = structlog.get_logger("shirase.tagger")


def tagger_pipeline(settings: Settings, telemetry: Telemetry, clock: Clock) -> Pipeline:
    """The pipeline as the settings want it, without any stream: the same for the worker and for files.

    Raises ConfigError.
    """
    return _pipeline(settings, telemetry, clock)[0]


def _pipeline(
    settings: Settings, telemetry: Telemetry, clock: Clock, late: LateAnswers | None = None
) -> tuple[Pipeline, Enricher]:
    reader, enricher, knowledge, rules = _stages(settings, telemetry, clock, late)
    show_versions(telemetry, knowledge, settings.config_dir, settings.knowledge.data_dir)
    tagger = settings.tagger
    parts = PipelineParts(
        decoder=ItemDecoder(tagger.max_item_bytes, settings.feeds),
        filter=settings.filter,
        reader=reader,
        enricher=enricher,
        router=_router(settings),
        events=EventBuilder(worker=__version__, rules=rules, knowledge=knowledge),
        headers=HeaderBuilder(_SOURCE),
        outputs=OutputLimits(
            output=tagger.output, dead_letter=tagger.dead_letter, max_request_bytes=settings.kafka.max_request_bytes
        ),
        worker=__version__,
    )
    return Pipeline(parts, clock=clock, telemetry=telemetry, report_bug=_report_bug), enricher


def _stages(
    settings: Settings, telemetry: Telemetry, clock: Clock, late: LateAnswers | None
) -> tuple[Reader, Enricher, str, str]:
    if not (settings.stages.read or settings.stages.look_up):
        return NullReader(), NullEnricher(), "none", "none"
    from workers.knowledge import load_knowledge

    knowledge = load_knowledge(settings.config_dir, settings.knowledge.cache_dir, settings.knowledge.data_dir)
    return (
        _reader(settings, knowledge),
        _enricher(settings, knowledge, telemetry, clock, late),
        knowledge.version,
        knowledge.rules,
    )


def _reader(settings: Settings, knowledge: Any) -> Reader:
    if not settings.stages.read:
        return NullReader()
    from workers.classify import Reader as ItemReader

    return ItemReader(knowledge)


def _enricher(
    settings: Settings, knowledge: Any, telemetry: Telemetry, clock: Clock, late: LateAnswers | None
) -> Enricher:
    if not settings.stages.look_up:
        return NullEnricher()
    from workers.cli.wiring_lookups import build_enricher

    return build_enricher(settings, knowledge, telemetry, clock, late)


def _router(settings: Settings) -> Router:
    return Router(settings.routes, output=settings.tagger.output, minimum_score=settings.tagger.minimum_score)


def needed_topics(settings: Settings) -> list[str]:
    """Every topic that the tagger reads or writes."""
    from workers.cli.wiring_lookups import wants_late_answers

    tagger = settings.tagger
    late = [tagger.enrichments] if wants_late_answers(settings) else []
    return list(dict.fromkeys([*tagger.sources, tagger.output, tagger.dead_letter, *late, *_router(settings).topics]))


def transactional_id(settings: Settings, instance: str, slot: int) -> str | None:
    """The worker's transactional id, None where the guarantee is at-least-once. Unique among running workers."""
    if settings.tagger.guarantee == "at-least-once":
        return None
    return f"{settings.kafka.group}-{instance}-{slot}"


def run_worker(settings: Settings, *, slot: int, instance: str, until_idle: bool) -> int:
    """Run one worker until it is told to stop, is idle (with `until_idle`), or cannot go on; the exit code.

    To be called in the main thread: it takes over SIGTERM, SIGINT and SIGALRM.
    """
    from workers.adapters.log import configure_logging
    from workers.adapters.process import AlarmWatchdog
    from workers.adapters.supervisor import EXIT_CONFIG, EXIT_CRASH, EXIT_DONE, EXIT_STOPPED, EXIT_TEMPORARY

    configure_logging(settings.log, slot=slot)
    watchdog = AlarmWatchdog()
    try:
        _run(settings, watchdog, slot, instance, until_idle=until_idle)
    except ConfigError as error:
        _log.error("wrong_configuration", where=error.where, key=error.key, expected=error.expected)
        return EXIT_CONFIG
    except (FencedError, DependencyError) as error:
        _log.error("passing_trouble", error=str(error))
        return EXIT_TEMPORARY
    except FatalError as error:
        _log.critical("stopped", code=error.code, reason=error.detail)
        return EXIT_STOPPED
    except Exception:  # noqa: BLE001 - the entry point: whatever it is, it is logged and the process ends
        _log.critical("unexpected_error", exc_info=True)
        return EXIT_CRASH
    finally:
        watchdog.stand_down()
    _log.info("done")
    return EXIT_DONE


def _run(settings: Settings, watchdog: AlarmWatchdog, slot: int, instance: str, *, until_idle: bool) -> None:
    from workers.adapters.process import SystemClock
    from workers.adapters.prometheus import PrometheusTelemetry

    clock, telemetry = SystemClock(), PrometheusTelemetry()
    health = LoopHealth(clock, settings.metrics.stalled_after_s)
    server = _serve_health(settings, slot, telemetry, health)
    try:
        pipeline, enricher = _pipeline(settings, telemetry, clock, _late_answers(settings))
        _calm_the_collector()
        watchdog.arm(settings.tagger.watchdog_s + settings.kafka.request_timeout_ms / 1000)
        _turn(settings, _Worker(pipeline, watchdog, telemetry, clock, health), slot, instance, until_idle=until_idle)
        enricher.close()
    finally:
        server.close()


def _late_answers(settings: Settings) -> LateAnswers | None:
    """Where lookups go that came too late for their event; None where no row wants that."""
    from workers.cli.wiring_lookups import wants_late_answers

    if not wants_late_answers(settings):
        return None
    from workers.adapters.kafka_late import KafkaLateAnswers

    return KafkaLateAnswers(settings.kafka)


def _calm_the_collector() -> None:
    """The knowledge lives as long as the process: no collection needs to look at it again.

    And a batch makes tens of thousands of objects that die with it, few of them in cycles: with Python's own thresholds
    the collector runs dozens of times a batch, and took a sixth of the worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class _Worker:
    """The parts that live as long as the worker."""

    def __init__(
        self,
        pipeline: Pipeline,
        watchdog: AlarmWatchdog,
        telemetry: PrometheusTelemetry,
        clock: Clock,
        health: LoopHealth,
    ) -> None:
        self.pipeline = pipeline
        self.watchdog = watchdog
        self.telemetry = telemetry
        self.clock = clock
        self.health = health


def _turn(settings: Settings, worker: _Worker, slot: int, instance: str, *, until_idle: bool) -> None:
    from workers.adapters.kafka_admin import missing_topics
    from workers.adapters.kafka_stream import open_stream

    missing = missing_topics(settings.kafka, needed_topics(settings))
    if missing:
        raise FatalError(
            "missing-topic", f"these topics do not exist: {', '.join(missing)}. Create them with: shirase topics apply"
        )
    stream = open_stream(
        settings.kafka,
        settings.tagger.sources,
        transactional_id=transactional_id(settings, instance, slot),
        telemetry=worker.telemetry,
        clock=worker.clock,
    )
    parts = LoopParts(
        stream=stream,
        pipeline=worker.pipeline,
        batch=limits_of(settings.batch),
        limit=DeadLetterLimit(settings.dead_letter),
        watchdog=worker.watchdog,
        watchdog_s=settings.tagger.watchdog_s,
        clock=worker.clock,
        telemetry=worker.telemetry,
        health=worker.health,
    )
    loop = TaggerLoop(parts, told_lost=lambda reason: _log.warning("batch_lost", reason=reason))
    _stop_on_signals(loop, worker.watchdog, settings.tagger.grace_s)
    _log.info("ready", sources=",".join(settings.tagger.sources), guarantee=settings.tagger.guarantee)
    try:
        loop.run(until_idle=until_idle)
    finally:
        worker.watchdog.arm(settings.tagger.grace_s)
        stream.close()


def _stop_on_signals(loop: TaggerLoop, watchdog: AlarmWatchdog, grace_s: float) -> None:
    def stop(*_: Any) -> None:
        # The handler runs between two steps of the main thread, also while that waits inside a client's call.
        watchdog.end_within(grace_s)
        loop.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _serve_health(settings: Settings, slot: int, telemetry: PrometheusTelemetry, health: LoopHealth) -> HealthServer:
    from workers.adapters.health_server import HealthServer, HealthSources
    from workers.adapters.prometheus import CONTENT_TYPE

    sources = HealthSources(
        metrics=telemetry.exposition,
        metrics_type=CONTENT_TYPE,
        why_not_live=health.why_not_live,
        why_not_ready=health.why_not_ready,
    )
    wanted = settings.metrics.port + slot if settings.metrics.port else 0
    try:
        server = HealthServer(settings.metrics.host, wanted, sources)
    except OSError as error:
        expected = f"an address that this worker can listen on ({error.strerror})"
        raise ConfigError("metrics", "metrics.port", f"{settings.metrics.host}:{wanted}", expected) from error
    _log.info("metrics", address=f"http://{settings.metrics.host}:{server.port}/metrics")
    return server


def _report_bug(record: Record, error: Exception) -> None:
    place = record.partition
    _log.error(
        "bug_around_one_item",
        topic=place.topic,
        partition=place.number,
        offset=record.offset,
        kind=type(error).__name__,
        where=_where(error),
    )


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
