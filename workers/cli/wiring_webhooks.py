"""Starts the threads that bring alerts to webhooks, one for each row of `webhooks.toml`."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from workers import __version__
from workers.settings import Settings
from workers.settings.webhooks import WebhookSettings

if TYPE_CHECKING:
    from workers.adapters.http_webhooks import HttpSink
    from workers.ports import Clock, Telemetry

__all__ = ["Couriers", "open_sink"]

_END_WITHIN_S = 5.0


def open_sink(settings: Settings, row: WebhookSettings, clock: Clock) -> HttpSink:
    """The sink of `row`. Raises ConfigError."""
    from workers.adapters.http_webhooks import HttpSink
    from workers.formats.webhook import SIGNATURE_HEADER, signature

    secret = row.secret()
    sign = None if secret is None else lambda at, body: (SIGNATURE_HEADER, signature(secret, at, body))
    return HttpSink(row, settings.http, clock, sign)


class Couriers:
    """The threads, from their start to their end."""

    def __init__(self, settings: Settings, clock: Clock, telemetry: Telemetry) -> None:
        self._settings = settings
        self._clock = clock
        self._telemetry = telemetry
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, rows: Sequence[WebhookSettings], failed: Callable[[BaseException], object]) -> None:
        """Start one for each row; `failed` is told of what ends one of them."""
        for row in rows:
            work = self._prepared(row)

            def run(work: Callable[[], None] = work) -> None:
                with _Reporting(failed):
                    work()

            self._threads.append(threading.Thread(target=run, name=f"webhook-{row.name}", daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let what is under way end, within a bounded time."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_END_WITHIN_S)

    def _prepared(self, row: WebhookSettings) -> Callable[[], None]:
        from workers.adapters.kafka_stream import open_stream
        from workers.alerter.delivery import Delivery, DeliveryParts
        from workers.formats.webhook import BODIES

        settings, alerter = self._settings, self._settings.alerter
        sink = open_sink(settings, row, self._clock)
        kafka = replace(settings.kafka, group=f"{alerter.group}-webhook-{row.name}")

        def work() -> None:
            stream = open_stream(
                kafka, [alerter.alerts], transactional_id=None, telemetry=self._telemetry, clock=self._clock
            )
            parts = DeliveryParts(
                row=row,
                body=BODIES[row.kind],
                stream=stream,
                sink=sink,
                undelivered=alerter.undelivered,
                worker=__version__,
                clock=self._clock,
                telemetry=self._telemetry,
                pause=self._stop.wait,
                chance=random.random,
            )
            Delivery(parts).run()
            stream.close()
            sink.close()

        return work


class _Reporting:
    """Tells of whatever comes through here: a thread's error would else be printed and forgotten."""

    def __init__(self, failed: Callable[[BaseException], object]) -> None:
        self._failed = failed

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is not None:
            self._failed(error)
