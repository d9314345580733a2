"""kafka-python's errors in our words: one table, most specific first. No I/O.

Which group an error falls into decides what the worker does: throw the batch away and go on (BatchLost), end the
process so that a new one may start (FencedError), stop for a person to look (FatalError), or try again later
(DependencyError). What is not in the table is a FatalError: an error that nobody thought about must not be retried
for ever.
"""

from __future__ import annotations

from kafka import errors as kafka_errors

from workers.errors import BatchLost, DependencyError, FatalError, FencedError, ShiraseError

__all__ = ["NO_SUCH_OFFSET", "is_fencing", "translate", "translate_publish"]

DEPENDENCY = "kafka"

_FENCED: tuple[type[Exception], ...] = (
    kafka_errors.ProducerFencedError,
    kafka_errors.InvalidProducerEpochError,
    kafka_errors.FencedInstanceIdError,
    kafka_errors.TransactionCoordinatorFencedError,
)
_LOST: tuple[type[Exception], ...] = (
    kafka_errors.CommitFailedError,
    kafka_errors.IllegalGenerationError,
    kafka_errors.UnknownMemberIdError,
    kafka_errors.RebalanceInProgressError,
    kafka_errors.TransactionAbortedError,
    kafka_errors.TransactionAbortableError,
    kafka_errors.ConcurrentTransactionsError,
    kafka_errors.OutOfOrderSequenceNumberError,
    kafka_errors.UnknownProducerIdError,
    kafka_errors.InvalidProducerIdMappingError,
    kafka_errors.InvalidTxnStateError,
)
NO_SUCH_OFFSET: tuple[type[Exception], ...] = (kafka_errors.OffsetOutOfRangeError, kafka_errors.LogTruncationError)
_TABLE: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (NO_SUCH_OFFSET, "offset-out-of-range"),
    ((kafka_errors.SaslAuthenticationFailedError,), "kafka-login-refused"),
    ((kafka_errors.AuthorizationError,), "kafka-not-authorised"),
    ((kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError), "kafka-record-too-large"),
    ((kafka_errors.UnsupportedVersionError,), "kafka-too-old"),
    ((kafka_errors.CorruptRecordError,), "kafka-corrupt-record"),
)


def is_fencing(error: BaseException) -> bool:
    """Whether somebody else took over our transactional id (or the broker timed our transaction out)."""
    return isinstance(error, _FENCED) or isinstance(error.__cause__, _FENCED)


def translate(error: Exception) -> ShiraseError:
    """What `error`, raised outside a publication, means to us."""
    if is_fencing(error):
        return FencedError(_words(error))
    for kinds, code in _TABLE:
        if isinstance(error, kinds):
            return FatalError(code, _words(error))
    if isinstance(error, (kafka_errors.RetriableError, kafka_errors.KafkaConnectionError)):
        return DependencyError(DEPENDENCY, _words(error))
    if isinstance(error, _LOST):
        return BatchLost(_words(error))
    return FatalError("kafka", _words(error))


def translate_publish(error: Exception) -> ShiraseError:
    """What `error`, raised while publishing, means to us: whatever is not certain counts as a lost batch.

    A lost batch is read again and published again under a new producer epoch, so the uncertain case is safe.
    """
    found = translate(error)
    if isinstance(found, DependencyError) or (isinstance(found, FatalError) and found.code == "kafka"):
        return BatchLost(_words(error))
    return found


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]
