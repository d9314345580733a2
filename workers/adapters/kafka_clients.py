"""Builds kafka-python's clients from the settings, with every dangerous default of theirs overridden.

Overridden on purpose: automatic commits, starting at the newest record, reading uncommitted records, creating topics
by asking for them, reconnecting ever more slowly, its own metrics. Nothing here is logged, and kafka-python's loggers
are never let down to DEBUG: its protocol logger prints the SASL password.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import KafkaError

from workers.adapters.kafka_errors import translate
from workers.adapters.kafka_partitioner import KeyPartitioner
from workers.settings import KafkaSettings, read_secret

__all__ = [
    "admin_options",
    "build_admin",
    "build_consumer",
    "build_producer",
    "connection_options",
    "consumer_options",
    "producer_options",
    "quieten_kafka_loggers",
]

_RECONNECT_MAX_MS = 1_000
# Short, since the producer sleeps so long between a commit and the next transaction where the broker is not done yet.
_RETRY_BACKOFF_MS = 20
_FETCH_BYTES = 16 * 1024 * 1024
_PARTITION_FETCH_BYTES = 4 * 1024 * 1024
_BATCH_BYTES = 256 * 1024
# Every batch of ours ends with an explicit flush, so waiting costs no latency and saves many small requests.
_LINGER_MS = 1_000


def quieten_kafka_loggers() -> None:
    """Keep kafka-python's loggers at WARNING or above, whatever the root logger says."""
    logger = logging.getLogger("kafka")
    if logger.level < logging.WARNING:
        logger.setLevel(logging.WARNING)


def connection_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Where the brokers are and how to log in. The password is read from its file here, and kept nowhere else.

    Raises ConfigError where the password's file cannot be read.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in kafka.bootstrap_servers.split(",")],
        "client_id": kafka.client_id,
        "request_timeout_ms": kafka.request_timeout_ms,
        "bootstrap_timeout_ms": kafka.request_timeout_ms,
        "reconnect_backoff_max_ms": _RECONNECT_MAX_MS,
        "retry_backoff_ms": _RETRY_BACKOFF_MS,
        "security_protocol": kafka.security_protocol,
    }
    options.update(_tls(kafka))
    if kafka.security_protocol.startswith("SASL"):
        options.update(_sasl(kafka))
    return options


def _tls(kafka: KafkaSettings) -> dict[str, Any]:
    if "SSL" not in kafka.security_protocol.removeprefix("SASL_"):
        return {}
    return {
        "ssl_check_hostname": True,
        "ssl_cafile": _text(kafka.ssl_ca_file),
        "ssl_certfile": _text(kafka.ssl_certificate_file),
        "ssl_keyfile": _text(kafka.ssl_key_file),
    }


def _sasl(kafka: KafkaSettings) -> dict[str, Any]:
    assert kafka.sasl_password_file is not None, "checked with the settings"
    return {
        "sasl_mechanism": kafka.sasl_mechanism,
        "sasl_plain_username": kafka.sasl_username,
        "sasl_plain_password": read_secret(kafka.sasl_password_file, "kafka.sasl_password_file"),
    }


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def consumer_options(kafka: KafkaSettings, *, group: str | None) -> dict[str, Any]:
    """A consumer that reads committed records only, commits nothing by itself, and never skips quietly.

    `auto_offset_reset` is none: where to begin without a committed offset is decided by the caller, and a committed
    offset that the log no longer holds is an error instead of a silent jump.
    """
    options = connection_options(kafka) | {
        "group_id": group,
        "metrics_enabled": False,
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        "isolation_level": "read_committed",
        "allow_auto_create_topics": False,
        "fetch_max_bytes": _FETCH_BYTES,
        "max_partition_fetch_bytes": _PARTITION_FETCH_BYTES,
    }
    if group is None:
        return options
    return options | {
        "session_timeout_ms": kafka.session_timeout_ms,
        "heartbeat_interval_ms": kafka.heartbeat_interval_ms,
        "max_poll_interval_ms": kafka.max_poll_interval_ms,
        # Eager and stateless: at a rebalance everything is given up, so no batch can straddle one.
        "partition_assignment_strategy": [RoundRobinPartitionAssignor],
    }


def producer_options(kafka: KafkaSettings, *, transactional_id: str | None) -> dict[str, Any]:
    """An idempotent producer, transactional where an id is given."""
    options = connection_options(kafka) | {
        "metrics_enabled": False,
        "acks": "all",
        "enable_idempotence": True,
        "allow_auto_create_topics": False,
        "compression_type": None if kafka.compression == "none" else kafka.compression,
        "batch_size": _BATCH_BYTES,
        "linger_ms": _LINGER_MS,
        "max_request_size": kafka.max_request_bytes,
        "max_block_ms": kafka.request_timeout_ms,
        "delivery_timeout_ms": max(kafka.transaction_timeout_ms, kafka.request_timeout_ms + 2 * _LINGER_MS),
        "partitioner": KeyPartitioner(),
    }
    if transactional_id is not None:
        options |= {
            "transactional_id": transactional_id,
            "transaction_timeout_ms": kafka.transaction_timeout_ms,
        }
    return options


def admin_options(kafka: KafkaSettings) -> dict[str, Any]:
    """An admin client."""
    return connection_options(kafka)


def build_consumer(options: dict[str, Any]) -> KafkaConsumer:
    """A connected consumer.

    Raises DependencyError where no broker answers, FatalError where the login is refused.
    """
    return _build(KafkaConsumer, options)


def build_producer(options: dict[str, Any]) -> KafkaProducer:
    """A connected producer. Raises as `build_consumer`."""
    return _build(KafkaProducer, options)


def build_admin(options: dict[str, Any]) -> KafkaAdminClient:
    """A connected admin client. Raises as `build_consumer`."""
    return _build(KafkaAdminClient, options)


def _build(client: Any, options: dict[str, Any]) -> Any:
    quieten_kafka_loggers()
    try:
        return client(**options)
    except KafkaError as error:
        raise translate(error) from error
