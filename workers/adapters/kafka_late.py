"""The port LateAnswers on kafka-python: an idempotent producer of its own, apart from the stream's transactions.

Connects with the first record. Nobody waits for an acknowledgement: what the broker refuses later is lost, and its
event stays as it was, `unavailable`. The stream's producer, its transactions and its offsets are never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

from kafka.errors import KafkaError

from workers.adapters.kafka_clients import build_producer, producer_options
from workers.errors import DependencyError
from workers.model import OutgoingRecord
from workers.settings import KafkaSettings

__all__ = ["KafkaLateAnswers"]

LINGER_MS = 50
MAX_BLOCK_MS = 5_000
CLOSE_WITHIN_S = 2.0


class KafkaLateAnswers:
    """See `workers.ports.LateAnswers`. For several threads."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Connects with the first record, not here."""
        self._kafka = kafka
        self._lock = Lock()
        self._producer: Any = None

    def publish(self, records: Sequence[OutgoingRecord]) -> None:
        """See the port. Blocks for at most five seconds, where the broker is away."""
        try:
            producer = self._ready_producer()
            for record in records:
                producer.send(record.topic, record.value, record.key, list(record.headers))
        except KafkaError as error:
            raise DependencyError("kafka", type(error).__name__) from error

    def close(self) -> None:
        """See the port."""
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            producer.close(timeout=CLOSE_WITHIN_S)
        except KafkaError:
            return  # what was not acknowledged by now never will be

    def _ready_producer(self) -> Any:
        with self._lock:
            if self._producer is None:
                options = producer_options(self._kafka, transactional_id=None)
                self._producer = build_producer(options | {"linger_ms": LINGER_MS, "max_block_ms": MAX_BLOCK_MS})
            return self._producer
