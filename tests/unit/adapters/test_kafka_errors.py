"""kafka-python's errors in our words."""

from __future__ import annotations

import pytest
from kafka import errors as kafka_errors

from workers.adapters.kafka_errors import translate, translate_publish
from workers.errors import BatchLost, DependencyError, FatalError, FencedError


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (kafka_errors.ProducerFencedError(), FencedError),
        (kafka_errors.InvalidProducerEpochError(), FencedError),
        (kafka_errors.FencedInstanceIdError(), FencedError),
        (kafka_errors.OffsetOutOfRangeError(), FatalError),
        (kafka_errors.TopicAuthorizationFailedError(), FatalError),
        (kafka_errors.SaslAuthenticationFailedError(), FatalError),
        (kafka_errors.MessageSizeTooLargeError(), FatalError),
        (kafka_errors.CommitFailedError(), BatchLost),
        (kafka_errors.UnknownMemberIdError(), BatchLost),
        (kafka_errors.IllegalGenerationError(), BatchLost),
        (kafka_errors.KafkaTimeoutError(), DependencyError),
        (kafka_errors.KafkaConnectionError(), DependencyError),
        (kafka_errors.NotCoordinatorError(), DependencyError),
        (kafka_errors.KafkaError("what is this"), FatalError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_error_has_one_meaning(error: Exception, kind: type[Exception]) -> None:
    assert type(translate(error)) is kind


@pytest.mark.parametrize(
    "error",
    [
        kafka_errors.KafkaTimeoutError(),
        kafka_errors.KafkaError("Cannot execute transactional method because we are in an error state"),
        kafka_errors.IllegalStateError("Cannot call send in state READY"),
        kafka_errors.NotLeaderForPartitionError(),
        kafka_errors.OutOfOrderSequenceNumberError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_uncertain_publication_is_a_lost_batch(error: Exception) -> None:
    assert isinstance(translate_publish(error), BatchLost)


def test_what_will_never_work_is_fatal_while_publishing_too() -> None:
    for error in (kafka_errors.MessageSizeTooLargeError(), kafka_errors.TopicAuthorizationFailedError()):
        assert isinstance(translate_publish(error), FatalError)
    assert isinstance(translate_publish(kafka_errors.ProducerFencedError()), FencedError)


def test_a_fenced_cause_counts() -> None:
    error = kafka_errors.KafkaError("in an error state")
    error.__cause__ = kafka_errors.ProducerFencedError()
    assert isinstance(translate(error), FencedError)
