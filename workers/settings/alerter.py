"""`[alerter]`: the alerter's host, its topics and its time limits. What is worth an alert stands in `alerts.toml`."""

from __future__ import annotations

from dataclasses import dataclass

from workers.settings.bounds import Milliseconds, Name, Port, PositiveInt, Seconds, TopicName

__all__ = ["AlerterSettings"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AlerterSettings:
    """`[alerter]`: it reads `tagger.output` and dead-letters to `tagger.dead_letter`."""

    group: Name
    stories: TopicName
    state: TopicName
    alerts: TopicName
    suppressed: TopicName
    acks: TopicName
    undelivered: TopicName
    max_records: PositiveInt
    max_wait_ms: Milliseconds
    watchdog_s: Seconds
    grace_s: Seconds
    metrics_port: Port
