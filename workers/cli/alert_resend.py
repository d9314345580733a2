"""Sends a webhook what it did not take in time. One try each, by hand; the records stay where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from workers.errors import DependencyError, FatalError
from workers.formats.alert import decode_alert

if TYPE_CHECKING:
    from workers.model.alert import Alert
    from workers.settings import Settings

__all__ = ["resend_all"]


def resend_all(settings: Settings, sink: str, ids: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The ids of the alerts that `sink` took now, and why it did not take the others.

    Raises FatalError where there is no such sink or no such alert; DependencyError; ConfigError.
    """
    from workers.adapters.process import SystemClock
    from workers.cli.wiring_webhooks import open_sink
    from workers.formats.webhook import BODIES
    from workers.settings.webhooks import load_webhook_settings

    rows = {row.name: row for row in load_webhook_settings(settings.config_dir)}
    if sink not in rows:
        raise FatalError("no-such-webhook", f"webhooks.toml has {', '.join(rows) or 'none'}, not {sink}")
    row, body = rows[sink], BODIES[rows[sink].kind]
    wanted = _undelivered(settings, sink)
    missing = set(ids) - wanted.keys()
    if missing:
        raise FatalError("no-such-alert", f"{sink} has taken, or never been offered, {', '.join(sorted(missing))}")
    out = open_sink(settings, row, SystemClock())
    sent, failed = [], {}
    for key, alert in wanted.items():
        if ids and key not in ids:
            continue
        try:
            out.send(key, body(alert), row.timeout_ms / 1000)
            sent.append(key)
        except DependencyError as error:
            failed[key] = error.code
    out.close()
    return sent, failed


def _undelivered(settings: Settings, sink: str) -> dict[str, Alert]:
    from workers.adapters.kafka_browse import read_whole_topic
    from workers.alerter.delivery import SINK_HEADER

    found: dict[str, Alert] = {}
    for record in read_whole_topic(settings.kafka, settings.alerter.undelivered):
        if (SINK_HEADER, sink.encode()) not in record.headers:
            continue
        try:
            alert = decode_alert(record.value or b"")
        except msgspec.DecodeError:
            continue
        found[alert.id] = alert
    return found
