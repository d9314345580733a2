"""The alerter's composition root: which adapter stands behind which port, and which exit code an error means."""

from __future__ import annotations

import gc
import logging
import os
import sys
from typing import TYPE_CHECKING, NoReturn

import structlog

from workers import __version__
from workers.errors import ConfigError, DependencyError, FatalError, FencedError
from workers.settings import Settings

if TYPE_CHECKING:
    from workers.adapters.health_server import HealthServer
    from workers.adapters.process import AlarmWatchdog
    from workers.adapters.prometheus import PrometheusTelemetry
    from workers.alerter.digesting import DigestStage
    from workers.alerter.lanes import FoldStage
    from workers.alerter.rules import AlertRules
    from workers.ports import Telemetry
    from workers.tagger.health import LoopHealth

__all__ = ["exit_code_of", "needed_topics", "run_alerter"]

_SOURCE = "urn:shirase:alerter"
_TALKATIVE = ("faust", "mode", "aiokafka", "asyncio", "workers.alerter.app")
_log = structlog.get_logger("shirase.alerter")


def needed_topics(settings: Settings) -> list[str]:
    """Every topic that the alerter reads or writes."""
    alerter = settings.alerter
    own = (alerter.stories, alerter.state, alerter.alerts, alerter.suppressed, alerter.undelivered)
    return list(dict.fromkeys([settings.tagger.output, settings.tagger.dead_letter, *own]))


def exit_code_of(error: BaseException) -> int:
    """What the supervisor is to be told of `error`; says in the log what happened."""
    from workers.adapters.supervisor import EXIT_CONFIG, EXIT_CRASH, EXIT_STOPPED, EXIT_TEMPORARY

    if isinstance(error, ConfigError):
        _log.error("wrong_configuration", where=error.where, key=error.key, expected=error.expected)
        return EXIT_CONFIG
    if isinstance(error, FencedError | DependencyError):
        _log.error("passing_trouble", error=str(error))
        return EXIT_TEMPORARY
    if isinstance(error, FatalError):
        _log.critical("stopped", code=error.code, reason=error.detail)
        return EXIT_STOPPED
    _log.critical("unexpected_error", exc_info=error)
    return EXIT_CRASH


def run_alerter(settings: Settings, *, slot: int) -> int:
    """Run one alerter until it is told to stop; the exit code. Where an error ends it, it does not return.

    To be called in the main thread: it takes over SIGTERM, SIGINT and SIGALRM.
    """
    from workers.adapters.log import configure_logging
    from workers.adapters.process import AlarmWatchdog

    configure_logging(settings.log, slot=slot, role="alerter")
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    watchdog = AlarmWatchdog()
    with _Ending():
        _run(settings, watchdog, slot)
    watchdog.stand_down()
    _log.info("done")
    return 0


class _Ending:
    """Whatever comes through here ends the process, with the exit code of its kind."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is not None:
            _end(error)


def _end(error: BaseException) -> NoReturn:
    """End the process at once: Faust is never asked to stop in order after an error, since it may commit what failed."""
    code = exit_code_of(error)
    sys.stderr.flush()
    os._exit(code)


def _run(settings: Settings, watchdog: AlarmWatchdog, slot: int) -> None:
    from workers.adapters.kafka_admin import missing_topics
    from workers.adapters.process import SystemClock
    from workers.adapters.prometheus import PrometheusTelemetry
    from workers.alerter.host import AlerterHost, HostParts, Stages
    from workers.alerter.rules import build_rules
    from workers.cli.wiring_metrics import show_alerter_zeros
    from workers.cli.wiring_webhooks import Couriers
    from workers.settings.alerts import load_alert_settings
    from workers.settings.webhooks import load_webhook_settings
    from workers.tagger.health import LoopHealth

    alerter = settings.alerter
    watchdog.arm(alerter.watchdog_s + settings.kafka.request_timeout_ms / 1000)
    clock, telemetry = SystemClock(), PrometheusTelemetry()
    telemetry.set("build_info", 1, __version__)
    health = LoopHealth(clock, settings.metrics.stalled_after_s)
    server = _serve_health(settings, slot, telemetry, health)
    rules = build_rules(load_alert_settings(settings.config_dir))
    sinks = load_webhook_settings(settings.config_dir)
    show_alerter_zeros(telemetry, rules.settings, [sink.name for sink in sinks])
    missing = missing_topics(settings.kafka, needed_topics(settings))
    if missing:
        names = ", ".join(missing)
        raise FatalError("missing-topic", f"these topics do not exist: {names}. Create them with: shirase topics apply")
    digest, fold = _stages(settings, rules, telemetry)
    parts = HostParts(
        kafka=settings.kafka,
        group=alerter.group,
        source=settings.tagger.output,
        stories=alerter.stories,
        max_records=alerter.max_records,
        max_wait_s=alerter.max_wait_ms / 1000,
        watchdog_s=alerter.watchdog_s,
        grace_s=alerter.grace_s,
        stalled_after_s=settings.metrics.stalled_after_s,
        stages=Stages(digest=digest.handle, fold=fold.handle, let_go=fold.let_go),
        clock=clock,
        telemetry=telemetry,
        watchdog=watchdog,
        health=health,
        end=_end,
    )
    couriers = Couriers(settings, clock, telemetry)
    couriers.start(sinks, _end)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    AlerterHost(parts).run()
    couriers.stop()
    fold.close()
    digest.close()
    server.close()


def _stages(settings: Settings, rules: AlertRules, telemetry: Telemetry) -> tuple[DigestStage, FoldStage]:
    from workers.adapters.kafka_lane import KafkaLane, KafkaOutlet, LanePlace
    from workers.alerter.digesting import DigestStage, StageTopics
    from workers.alerter.lanes import FoldStage
    from workers.formats.alert import AlertHeaders

    alerter = settings.alerter
    topics = StageTopics(
        stories=alerter.stories,
        alerts=alerter.alerts,
        suppressed=alerter.suppressed,
        dead_letter=settings.tagger.dead_letter,
    )

    def open_lane(number: int) -> KafkaLane:
        place = LanePlace(group=alerter.group, stories=alerter.stories, state=alerter.state, number=number)
        return KafkaLane(settings.kafka, place)

    outlet = KafkaOutlet(settings.kafka)
    headers = AlertHeaders(_SOURCE)
    digest = DigestStage(rules, outlet, topics=topics, worker=__version__, telemetry=telemetry)
    fold = FoldStage(rules, open_lane, topics=topics, headers=headers, worker=__version__, telemetry=telemetry)
    return digest, fold


def _serve_health(settings: Settings, slot: int, telemetry: PrometheusTelemetry, health: LoopHealth) -> HealthServer:
    from workers.adapters.health_server import HealthServer, HealthSources
    from workers.adapters.prometheus import CONTENT_TYPE

    sources = HealthSources(
        metrics=telemetry.exposition,
        metrics_type=CONTENT_TYPE,
        why_not_live=health.why_not_live,
        why_not_ready=health.why_not_ready,
    )
    host, first = settings.metrics.host, settings.alerter.metrics_port
    wanted = first + slot if first else 0
    try:
        server = HealthServer(host, wanted, sources)
    except OSError as error:
        expected = f"an address that this worker can listen on ({error.strerror})"
        raise ConfigError("alerter", "alerter.metrics_port", f"{host}:{wanted}", expected) from error
    _log.info("metrics", address=f"http://{host}:{server.port}/metrics")
    return server
