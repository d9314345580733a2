"""The settings' shape: frozen dataclasses with their bounds. Defaults stand in `config/shirase.toml`, not here.

A key without a value in the file is an error, except the optional ones (`… | None`). Nothing here reads anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta

from workers.settings.alerter import AlerterSettings
from workers.settings.bounds import Milliseconds, Name, Port, PositiveInt, Seconds, Share, TopicName
from workers.settings.knowledge import DownloadSettings, KnowledgeSettings

__all__ = [
    "AlerterSettings",
    "BatchSettings",
    "CacheSettings",
    "DeadLetterSettings",
    "DownloadSettings",
    "FieldMapSettings",
    "FilterSettings",
    "HttpSettings",
    "KafkaSettings",
    "KnowledgeSettings",
    "LogSettings",
    "LookupSettings",
    "MetricsSettings",
    "RedisSettings",
    "RouteSettings",
    "Settings",
    "StageSettings",
    "SupervisorSettings",
    "TaggerSettings",
    "TopicSettings",
]

Pointer: TypeAlias = Annotated[str, Meta(pattern=r"^(/([^~]|~[01])*)?$", description="JSON pointer, RFC 6901")]
HttpStatus: TypeAlias = Literal[400, 404, 410, 422]
TlpName: TypeAlias = Literal["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]


@dataclass(frozen=True, kw_only=True, slots=True)
class KafkaSettings:
    """`[kafka]`: where the brokers are, how to log in, and the clients' time limits."""

    bootstrap_servers: Annotated[str, Meta(min_length=1)]
    client_id: Name
    group: Name
    instance: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,100}$")] | None = None
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password_file: Path | None = None
    ssl_ca_file: Path | None = None
    ssl_certificate_file: Path | None = None
    ssl_key_file: Path | None = None
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"]
    session_timeout_ms: Milliseconds
    heartbeat_interval_ms: Milliseconds
    max_poll_interval_ms: Milliseconds
    request_timeout_ms: Milliseconds
    transaction_timeout_ms: Milliseconds
    max_request_bytes: PositiveInt


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchSettings:
    """`[batch]`: what cuts a batch."""

    max_records: PositiveInt
    max_bytes: PositiveInt
    max_wait_ms: Milliseconds


@dataclass(frozen=True, kw_only=True, slots=True)
class TaggerSettings:
    """`[tagger]`: the hot path."""

    sources: Annotated[list[TopicName], Meta(min_length=1)]
    output: TopicName
    dead_letter: TopicName
    enrichments: TopicName
    guarantee: Literal["exactly-once", "at-least-once"]
    max_item_bytes: PositiveInt
    watchdog_s: Seconds
    grace_s: Seconds
    minimum_score: Share


@dataclass(frozen=True, kw_only=True, slots=True)
class StageSettings:
    """`[stages]`: what can be switched off, for measuring and for trouble."""

    read: bool
    look_up: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterSettings:
    """`[dead_letter]`: the limit that stops the worker loudly instead of draining a topic."""

    max_in_a_row: PositiveInt
    max_share: Share
    share_window: PositiveInt


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterSettings:
    """`[filter]`: items dropped on purpose, counted as `filtered`."""

    exclude_sources: list[str]
    languages: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisSettings:
    """`[redis]`: the cache server. No url: lookups are cached in the process only."""

    url: str | None = None
    password_file: Path | None = None
    ssl_ca_file: Path | None = None
    timeout_ms: Milliseconds
    key_prefix: Name


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheSettings:
    """`[cache]`: what is kept in the process, and how the shared cache behaves."""

    process_entries: PositiveInt
    process_ttl_ms: Milliseconds
    jitter: Share
    lock_ms: Milliseconds
    late_items: PositiveInt
    late_wait_s: Seconds
    compress_over_bytes: PositiveInt
    breaker_failures: PositiveInt
    breaker_open_ms: Milliseconds


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpSettings:
    """`[http]`: the bounds of every call to a third party."""

    connect_timeout_ms: Milliseconds
    max_answer_bytes: PositiveInt
    user_agent: Annotated[str, Meta(min_length=1)]
    trust_environment_proxies: bool
    ca_file: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SupervisorSettings:
    """`[supervisor]`: restarts of worker processes."""

    backoff_initial_s: Seconds
    backoff_max_s: Seconds
    crash_limit: PositiveInt
    crash_window_s: Seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricsSettings:
    """`[metrics]`: where `/metrics`, `/livez` and `/readyz` are served. Worker slot i listens on port + i; port 0 picks a free one."""

    host: Annotated[str, Meta(min_length=1)]
    port: Port
    stalled_after_s: Seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class LogSettings:
    """`[log]`: JSON lines on standard error, or readable ones."""

    level: Literal["debug", "info", "warning", "error"]
    format: Literal["json", "console"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicSettings:
    """`topics.toml`, one `[[topic]]` per topic that we declare. Times in milliseconds, sizes in bytes."""

    name: TopicName
    partitions: PositiveInt
    replication: PositiveInt
    configs: dict[str, str | int | bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteSettings:
    """`routes.toml`, one `[[route]]` each: a name and the conditions that must all hold (each is "any of these")."""

    name: Name
    topic: TopicName | None = None
    attacker_country: list[str] | None = None
    actor: list[str] | None = None
    target_country: list[str] | None = None
    sector: list[str] | None = None
    objective: list[str] | None = None
    technique: list[str] | None = None
    malware: list[str] | None = None
    source: list[str] | None = None
    minimum_score: Share | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldMapSettings:
    """`feeds.toml`, one `[[feed]]` per topic of another shape: JSON pointers (RFC 6901) for raw item members."""

    topic: TopicName
    members: dict[str, str]
    constants: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class LookupSettings:
    """`lookups.toml`, one `[[lookup]]` each: what is asked of whom, how long it keeps, and what may leave the house.

    An `endpoint` makes it a provider over HTTP, a `file` a local one (.mmdb or .toml), neither the knowledge.
    """

    kind: Name
    provider: Name
    enabled: bool
    internal: bool
    types: tuple[str, ...] = ()
    second_to: dict[str, tuple[str, ...]] = field(default_factory=dict)
    file: Path | None = None
    endpoint: str | None = None
    catalogue: bool = False
    method: Literal["GET", "POST"] = "GET"
    body: Literal["json", "form"] = "json"
    constants: dict[str, Any] = field(default_factory=dict)
    parameter: str | None = None
    keys_as: Literal["list", "text"] = "list"
    separator: Annotated[str, Meta(min_length=1)] = ","
    rows: Pointer = ""
    key: Pointer | None = None
    key_match: Literal["exact", "domain", "host"] = "exact"
    state: Pointer | None = None
    state_found: tuple[str, ...] = ()
    state_not_found: tuple[str, ...] = ()
    answers: dict[str, Pointer | tuple[Pointer, ...]]
    numbers: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    not_found_statuses: tuple[HttpStatus, ...] = ()
    key_file: Path | None = None
    key_header: Annotated[str, Meta(pattern="^[A-Za-z0-9-]+$")] = "Authorization"
    key_prefix: str = ""
    batch: PositiveInt
    concurrency: PositiveInt = 4
    rate_calls: PositiveInt | None = None
    rate_period_s: Seconds = 1.0
    rate_burst: PositiveInt = 1
    attempts: Annotated[int, Meta(ge=1, le=5)] = 1
    repeatable: bool = False
    deadline_ms: Milliseconds
    timeout_ms: Milliseconds = 5000
    complete_late: bool = False
    soft_ttl_s: PositiveInt
    hard_ttl_s: PositiveInt
    negative_ttl_s: PositiveInt
    tlp_ceiling: TlpName


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything that an operator can set, checked."""

    config_dir: Path
    kafka: KafkaSettings
    batch: BatchSettings
    tagger: TaggerSettings
    alerter: AlerterSettings
    stages: StageSettings
    dead_letter: DeadLetterSettings
    filter: FilterSettings
    redis: RedisSettings
    cache: CacheSettings
    http: HttpSettings
    supervisor: SupervisorSettings
    metrics: MetricsSettings
    log: LogSettings
    knowledge: KnowledgeSettings
    download: DownloadSettings
    topics: tuple[TopicSettings, ...]
    routes: tuple[RouteSettings, ...]
    feeds: tuple[FieldMapSettings, ...]
    lookups: tuple[LookupSettings, ...]
