"""The transaction coordinator: producer ids and epochs, open transactions, commit, abort, time-out.

A transaction's states and the only ways between them:

    Empty ──add──▶ Ongoing ──end──▶ PrepareCommit ─▶ CompleteCommit ──add──▶ Ongoing …
                      └────end, time-out, new producer──▶ PrepareAbort ─▶ CompleteAbort ──add──▶ Ongoing …

The journal entry of a Prepare state is the point of no return: it names partitions and offsets, and a process that
dies after it finishes the work when it starts again. A producer whose epoch is not the newest is fenced everywhere.
Source: KIP-98, KIP-360 (epoch bump with the old epoch), KIP-447 (who may commit offsets is checked in `groups`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from workers.embedded.batch import BatchHeader
from workers.embedded.codes import Code
from workers.embedded.group_offsets import Committed, GroupOffsets, Place, decode_offsets, encode_offsets
from workers.embedded.journal import Entry, Journal
from workers.embedded.topics import Topics

__all__ = ["ProducerIdentity", "Transactions"]

_FIRST_PRODUCER_ID = 1000
_LAST_EPOCH = (1 << 15) - 2
_NO_EPOCH = -1
_MAX_TIMEOUT_MS = 15 * 60 * 1000  # Kafka's transaction.max.timeout.ms

ProducerIdentity = tuple[int, int]
"""Producer id and epoch."""


class _State(StrEnum):
    EMPTY = "Empty"
    ONGOING = "Ongoing"
    PREPARE_COMMIT = "PrepareCommit"
    PREPARE_ABORT = "PrepareAbort"
    COMPLETE_COMMIT = "CompleteCommit"
    COMPLETE_ABORT = "CompleteAbort"


_COMPLETED = {_State.PREPARE_COMMIT: _State.COMPLETE_COMMIT, _State.PREPARE_ABORT: _State.COMPLETE_ABORT}


@dataclass(slots=True)
class _Transaction:
    transactional_id: str
    producer_id: int
    timeout_ms: int
    epoch: int = _NO_EPOCH
    last_epoch: int = _NO_EPOCH
    state: _State = _State.EMPTY
    started_ms: int = 0
    partitions: set[Place] = field(default_factory=set)
    offsets: dict[str, dict[Place, Committed]] = field(default_factory=dict)  # by group; a group may be empty yet

    def to_entry(self) -> Entry:
        return {
            "kind": "transaction",
            "id": self.transactional_id,
            "producer": [self.producer_id, self.epoch, self.last_epoch],
            "timeout_ms": self.timeout_ms,
            "state": self.state.value,
            "started_ms": self.started_ms,
            "partitions": sorted(self.partitions),
            "offsets": {group: encode_offsets(offsets) for group, offsets in self.offsets.items()},
        }

    @classmethod
    def from_entry(cls, entry: Entry) -> _Transaction:
        producer_id, epoch, last_epoch = entry["producer"]
        return cls(
            transactional_id=entry["id"],
            producer_id=producer_id,
            timeout_ms=entry["timeout_ms"],
            epoch=epoch,
            last_epoch=last_epoch,
            state=_State(entry["state"]),
            started_ms=entry["started_ms"],
            partitions={(topic, partition) for topic, partition in entry["partitions"]},
            offsets={group: decode_offsets(rows) for group, rows in entry["offsets"].items()},
        )


class Transactions:
    """Every transactional producer by its transactional id."""

    def __init__(self, journal: Journal, topics: Topics, offsets: GroupOffsets, now_ms: Callable[[], int]) -> None:
        self._journal = journal
        self._topics = topics
        self._offsets = offsets
        self._now_ms = now_ms
        self._transactions: dict[str, _Transaction] = {}
        self._next_producer_id = _FIRST_PRODUCER_ID

    def new_producer_id(self) -> int:
        """Hand out an id no producer ever had."""
        producer_id = self._next_producer_id
        self._next_producer_id += 1
        self._journal.write(self._ids_entry())
        return producer_id

    def init_producer(
        self, transactional_id: str, timeout_ms: int, present: ProducerIdentity
    ) -> tuple[Code, ProducerIdentity]:
        """Give a transactional producer its id and a new epoch, which fences older ones and aborts what they left.

        `present` is what the producer believes it has, or (-1, -1); a belief that is out of date is refused.
        """
        if not 0 < timeout_ms <= _MAX_TIMEOUT_MS:
            return Code.INVALID_TRANSACTION_TIMEOUT, (-1, -1)
        found = self._transactions.get(transactional_id)
        if found is None:
            found = _Transaction(transactional_id, self.new_producer_id(), timeout_ms)
            self._transactions[transactional_id] = found
        if present[0] >= 0:
            if present[0] != found.producer_id or present[1] not in {found.epoch, found.last_epoch}:
                return Code.PRODUCER_FENCED, (-1, -1)
            if present[1] != found.epoch:  # the answer to the same question was lost; the bump is already done
                return Code.NONE, (found.producer_id, found.epoch)
        self._bump(found, last_epoch=present[1])
        found.timeout_ms = timeout_ms
        self._write(found)
        return Code.NONE, (found.producer_id, found.epoch)

    def add_partitions(self, transactional_id: str, producer: ProducerIdentity, places: set[Place]) -> Code:
        """Enter partitions into the producer's transaction, beginning it if need be."""
        code, found = self._check(transactional_id, producer)
        if found is not None and not places <= found.partitions:
            self._begin(found)
            found.partitions |= places
            self._write(found)
        return code

    def add_group(self, transactional_id: str, producer: ProducerIdentity, group: str) -> Code:
        """Enter a consumer group into the producer's transaction, beginning it if need be."""
        code, found = self._check(transactional_id, producer)
        if found is not None and group not in found.offsets:
            self._begin(found)
            found.offsets[group] = {}
            self._write(found)
        return code

    def stage_offsets(
        self, transactional_id: str, producer: ProducerIdentity, group: str, offsets: Mapping[Place, Committed]
    ) -> Code:
        """Keep offsets of an entered group until the transaction ends; they count only if it commits."""
        code, found = self._check(transactional_id, producer)
        if found is None:
            return Code.INVALID_PRODUCER_EPOCH if code is Code.PRODUCER_FENCED else code
        if found.state is not _State.ONGOING or group not in found.offsets:
            return Code.INVALID_TXN_STATE
        found.offsets[group].update(offsets)
        self._write(found)
        self._offsets.hold(transactional_id, group, list(offsets))
        return Code.NONE

    def check_produce(self, transactional_id: str | None, header: BatchHeader, place: Place) -> Code:
        """Judge whether a transactional batch belongs to an open transaction that covers its partition."""
        found = self._transactions.get(transactional_id or "")
        if found is None or found.producer_id != header.producer_id:
            return Code.INVALID_PRODUCER_ID_MAPPING
        if found.epoch != header.producer_epoch:
            return Code.INVALID_PRODUCER_EPOCH
        if found.state is not _State.ONGOING or place not in found.partitions:
            return Code.INVALID_TXN_STATE
        return Code.NONE

    def end(self, transactional_id: str, producer: ProducerIdentity, *, commit: bool) -> Code:
        """Commit or abort the producer's transaction; asking again for what was done is answered with success."""
        code, found = self._check(transactional_id, producer)
        if found is None:
            return code
        prepared = _State.PREPARE_COMMIT if commit else _State.PREPARE_ABORT
        if found.state is _COMPLETED[prepared]:
            return Code.NONE
        if found.state not in {_State.ONGOING, prepared}:
            return Code.INVALID_TXN_STATE
        self._end(found, prepared)
        return Code.NONE

    def abort_overdue(self) -> int:
        """Abort transactions past their time-out, fencing their producers; return how many."""
        overdue = [
            found
            for found in self._transactions.values()
            if found.state is _State.ONGOING and self._now_ms() - found.started_ms > found.timeout_ms
        ]
        for found in overdue:
            self._bump(found, last_epoch=_NO_EPOCH)
        return len(overdue)

    def apply(self, entries: list[Entry]) -> None:
        """Rebuild the transactions that these journal entries describe and finish what had been prepared."""
        for entry in entries:
            if entry["kind"] == "producer-ids":
                self._next_producer_id = entry["next"]
            elif entry["kind"] == "transaction":
                self._transactions[entry["id"]] = _Transaction.from_entry(entry)
        for found in self._transactions.values():
            if found.state in _COMPLETED:
                self._end(found, found.state)
            for group, offsets in found.offsets.items():
                self._offsets.hold(found.transactional_id, group, list(offsets))

    def snapshot(self) -> Iterator[Entry]:
        """Give the journal entries that rebuild the present transactions."""
        yield self._ids_entry()
        for found in self._transactions.values():
            yield found.to_entry()

    def _check(self, transactional_id: str, producer: ProducerIdentity) -> tuple[Code, _Transaction | None]:
        found = self._transactions.get(transactional_id)
        if found is None or found.producer_id != producer[0]:
            return Code.INVALID_PRODUCER_ID_MAPPING, None
        if found.epoch != producer[1]:
            return Code.PRODUCER_FENCED, None
        return Code.NONE, found

    def _bump(self, found: _Transaction, *, last_epoch: int) -> None:
        if found.epoch >= _LAST_EPOCH and found.state is not _State.ONGOING:
            found.producer_id, found.epoch = self.new_producer_id(), _NO_EPOCH
        found.epoch += 1
        found.last_epoch = last_epoch
        if found.state is _State.ONGOING:
            self._end(found, _State.PREPARE_ABORT)

    def _begin(self, found: _Transaction) -> None:
        if found.state is not _State.ONGOING:
            found.state = _State.ONGOING
            found.started_ms = self._now_ms()

    def _end(self, found: _Transaction, prepared: _State) -> None:
        found.state = prepared
        self._write(found)
        commit = prepared is _State.PREPARE_COMMIT
        for topic, partition in sorted(found.partitions):
            log = self._topics.find_log(topic, partition)
            if log is not None:  # the topic may have been deleted meanwhile
                log.end_transaction((found.producer_id, found.epoch), commit=commit, timestamp_ms=self._now_ms())
        for group, offsets in found.offsets.items():
            if commit and offsets:
                self._offsets.commit(group, offsets)
        self._offsets.release(found.transactional_id)
        found.state = _COMPLETED[prepared]
        found.partitions = set()
        found.offsets = {}
        self._write(found)

    def _write(self, found: _Transaction) -> None:
        self._journal.write(found.to_entry())

    def _ids_entry(self) -> Entry:
        return {"kind": "producer-ids", "next": self._next_producer_id}
