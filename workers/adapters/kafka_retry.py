"""Publishes retried dead letters on kafka-python: each call is one transaction, and only one retry runs at a time.

Opening a session fences every other one under the same transactional id and aborts what that left open. Whoever opens
the session first and reads the dead-letter topic afterwards therefore sees every marker that was ever committed, and
no two operators can retry the same dead letter. Nothing here decides what is retried.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from workers.adapters.kafka_clients import build_producer, producer_options
from workers.adapters.kafka_errors import translate
from workers.errors import BatchLost, FencedError, ShiraseError
from workers.model import OutgoingRecord
from workers.settings import KafkaSettings

__all__ = ["RetrySession"]


class RetrySession:
    """The right to retry, held until it is closed or another session takes it."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Take the right to retry.

        Raises DependencyError where no broker answers; FatalError; ConfigError.
        """
        options = producer_options(kafka, transactional_id=f"{kafka.group}-dead-letter-retry")
        self._flush_s = kafka.transaction_timeout_ms / 1000
        self._producer: KafkaProducer = build_producer(options)
        try:
            self._producer.init_transactions()
        except KafkaError as error:
            self.close()
            raise translate(error) from error

    def publish(self, outputs: Sequence[OutgoingRecord]) -> None:
        """Publish `outputs` together or not at all. After an error the session is of no more use.

        Raises FencedError where another session took the right to retry; DependencyError; FatalError.
        """
        try:
            self._producer.begin_transaction()
            futures = [self._producer.send(out.topic, out.value, out.key, list(out.headers)) for out in outputs]
            # Flushed and checked before the commit: see ExactlyOnceStream for why.
            self._producer.flush(self._flush_s)
            for future in futures:
                if future.exception is not None:
                    raise future.exception
                if not future.is_done:
                    raise KafkaTimeoutError("a record was not acknowledged in time")
            self._producer.commit_transaction()
        except KafkaError as error:
            raise _meaning(error) from error

    def close(self) -> None:
        """Close the client, within a bounded time."""
        try:
            self._producer.close(timeout=2)
        except KafkaError:
            return  # what was not committed is aborted by the next session or by the broker's time limit

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _meaning(error: KafkaError) -> ShiraseError:
    found = translate(error)
    if isinstance(found, FencedError | BatchLost):
        return FencedError(f"another retry took over, and nothing of this step was published ({found})")
    return found
