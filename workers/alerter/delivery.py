"""Brings alerts to one webhook, in their order, at least once; what it does not take goes to the undelivered topic.

One alert at a time, since a sink that is down may use up the whole time of each. A refusal that will be the same next
time (most of 4xx) is not tried again. Apart from the fold: its own consumer group, its own thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec
from msgspec import Struct

from workers.errors import BatchLost, DependencyError
from workers.formats.alert import decode_alert
from workers.formats.dead_letter import ALERTER, dead_letter
from workers.formats.webhook import Body
from workers.model import OutgoingRecord, Record, Tlp
from workers.model.alert import Alert
from workers.ports import BatchLimits, Clock, RecordStream, Sink, Telemetry
from workers.settings.webhooks import WebhookSettings

__all__ = ["SINK_HEADER", "Delivery", "DeliveryParts", "Pause", "Retries", "is_passing"]

Pause: TypeAlias = Callable[[float], bool]
"""Waits so many seconds; true where the process is to stop."""
SINK_HEADER = "shirase-sink"
_ONE = BatchLimits(records=1, octets=1_048_576, wait_s=0.5)
_SEVERITIES = ("low", "medium", "high", "critical")
_TLP: Mapping[str, int] = {str(tlp): rank for rank, tlp in enumerate(Tlp)}
_PASSING = {"http-408", "http-425", "http-429"}
_FOR_GOOD = {"address-refused", "tls"}
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 15.0


class DeliveryParts(Struct, frozen=True, kw_only=True):
    """What a delivery works with. `chance` is uniform in [0, 1)."""

    row: WebhookSettings
    body: Body
    stream: RecordStream
    sink: Sink
    undelivered: str
    worker: str
    clock: Clock
    telemetry: Telemetry
    pause: Pause
    chance: Callable[[], float]


def is_passing(code: str) -> bool:
    """Whether it makes sense to try again after a failure of this code."""
    if code in _PASSING:
        return True
    return code not in _FOR_GOOD and not code.startswith(("http-3", "http-4"))


class Retries:
    """When to try again, within the row's deadline: exponential waits with full jitter, longer where the sink says so."""

    def __init__(self, deadline: float, chance: Callable[[], float]) -> None:
        self._deadline = deadline
        self._chance = chance
        self._tries = 0

    def wait_after(self, error: DependencyError, now: float) -> float | None:
        """Seconds to wait before the next try; None where there is none."""
        if not is_passing(error.code):
            return None
        ceiling = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(self._tries, 10))
        self._tries += 1
        wait = max(self._chance() * ceiling, error.retry_after or 0.0)
        return wait if now + wait < self._deadline else None


class Delivery:
    """Runs in a thread of its own until it is told to stop."""

    def __init__(self, parts: DeliveryParts) -> None:
        self._parts = parts

    def run(self) -> None:
        """Deliver until `pause` says stop. Raises FatalError, DependencyError."""
        while not self._parts.pause(0.0):
            self.turn()

    def turn(self) -> None:
        """One alert, if there is one. Raises FatalError, DependencyError."""
        parts = self._parts
        for record in parts.stream.poll(_ONE):
            result, letters = self._deliver(record)
            if result is None:
                return
            try:
                parts.stream.publish(letters, {record.partition: record.offset + 1})
            except BatchLost:
                parts.stream.rewind()
                return
            parts.telemetry.add("webhook_deliveries_total", 1, parts.row.name, result)

    def _deliver(self, record: Record) -> tuple[str | None, list[OutgoingRecord]]:
        """How it went, None where there was no time left to tell; and what goes to the undelivered topic."""
        try:
            alert = decode_alert(record.value or b"")
        except msgspec.DecodeError as error:
            return "unreadable", [self._letter(record, "not-an-alert", str(error))]
        withheld = self._withheld(alert, record)
        if withheld is not None:
            return withheld, []
        try:
            return ("delivered" if self._send(alert) else None), []
        except DependencyError as error:
            return "failed", [self._letter(record, error.code, f"{self._parts.row.name} did not take it in time")]

    def _withheld(self, alert: Alert, record: Record) -> str | None:
        row = self._parts.row
        if alert.tlp is None or _TLP[alert.tlp] > _TLP[row.tlp_ceiling]:
            return "above-tlp"
        if _SEVERITIES.index(alert.severity) < _SEVERITIES.index(row.minimum_severity):
            return "below-severity"
        return "too-old" if self._parts.clock.wall() - record.timestamp_ms / 1000 > row.max_age_s else None

    def _send(self, alert: Alert) -> bool:
        """True where the sink took it, false where the process is to stop. Raises DependencyError."""
        parts = self._parts
        body = parts.body(alert)
        deadline = parts.clock.monotonic() + parts.row.deadline_ms / 1000
        retries = Retries(deadline, parts.chance)
        while True:
            left = deadline - parts.clock.monotonic()
            try:
                parts.sink.send(alert.id, body, min(parts.row.timeout_ms / 1000, max(0.001, left)))
            except DependencyError as error:
                wait = retries.wait_after(error, parts.clock.monotonic())
                if wait is None:
                    raise
            else:
                return True
            if parts.pause(wait):
                return False

    def _letter(self, record: Record, code: str, detail: str) -> OutgoingRecord:
        parts = self._parts
        letter = dead_letter(record, parts.undelivered, code=code, detail=detail, worker=parts.worker, source=ALERTER)
        return msgspec.structs.replace(letter, headers=(*letter.headers, (SINK_HEADER, parts.row.name.encode())))
