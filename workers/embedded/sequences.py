"""What one partition knows of its idempotent producers: epoch, next sequence, the last five batches.

Pure bookkeeping; whether a transaction is open is the log's business. Rules as in Apache Kafka's
ProducerAppendInfo: https://kafka.apache.org/documentation/#producerconfigs_enable.idempotence and KIP-98, KIP-360.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from workers.embedded.batch import BatchHeader
from workers.embedded.codes import Code

__all__ = ["Sequences"]

_REMEMBERED_BATCHES = 5  # a client may have five requests in flight (max.in.flight.requests.per.connection)
_SEQUENCE_SPACE = 1 << 31


@dataclass(slots=True)
class _Producer:
    epoch: int
    next_sequence: int | None = None  # None: any may come (nothing is known of this producer here)
    recent: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_BATCHES))


class Sequences:
    """Decides whether a producer's batch is the next one, a repeat, or out of order."""

    def __init__(self) -> None:
        self._producers: dict[int, _Producer] = {}

    def check(self, header: BatchHeader) -> tuple[Code, int | None]:
        """Judge a batch before it is appended: (error, None), (NONE, None), or (NONE, offset of the first copy)."""
        known = self._producers.get(header.producer_id)
        if header.producer_id < 0 or known is None:
            return Code.NONE, None
        if header.producer_epoch < known.epoch:
            return Code.INVALID_PRODUCER_EPOCH, None
        if header.producer_epoch > known.epoch:
            return (Code.OUT_OF_ORDER_SEQUENCE_NUMBER if header.base_sequence else Code.NONE), None
        for sequence, count, base_offset in known.recent:
            if (sequence, count) == (header.base_sequence, header.record_count):
                return Code.NONE, base_offset
        if known.next_sequence not in {None, header.base_sequence}:
            return Code.OUT_OF_ORDER_SEQUENCE_NUMBER, None
        return Code.NONE, None

    def record(self, header: BatchHeader, base_offset: int) -> None:
        """Note an appended batch so that its repeat is recognised and its successor expected."""
        if header.producer_id < 0:
            return
        known = self._producers.get(header.producer_id)
        if known is None or header.producer_epoch > known.epoch:
            known = self._producers[header.producer_id] = _Producer(header.producer_epoch)
        known.next_sequence = (header.base_sequence + header.record_count) % _SEQUENCE_SPACE
        known.recent.append((header.base_sequence, header.record_count, base_offset))

    def end_transaction(self, producer_id: int, epoch: int) -> None:
        """Note a transaction marker: a higher epoch on it fences the older ones and restarts the sequence at 0."""
        known = self._producers.get(producer_id)
        if known is None or epoch > known.epoch:
            self._producers[producer_id] = _Producer(epoch, next_sequence=None if known is None else 0)
