"""What a batch is: how it is cut, which offsets follow it, and whether all of it is accounted for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.errors import FatalError
from workers.model import DeadLettered, Filtered, Outcome, Partition, Record, Tagged
from workers.ports import BatchLimits
from workers.settings import BatchSettings

__all__ = ["check_conservation", "limits_of", "next_offsets"]

_OUTCOMES = (Tagged, DeadLettered, Filtered)


def limits_of(batch: BatchSettings) -> BatchLimits:
    """The limits that the settings name."""
    return BatchLimits(records=batch.max_records, octets=batch.max_bytes, wait_s=batch.max_wait_ms / 1000)


def next_offsets(records: Sequence[Record]) -> dict[Partition, int]:
    """The next offset to read of every partition in the batch. Records of a partition stand in offset order."""
    offsets: dict[Partition, int] = {}
    for record in records:
        offsets[record.partition] = record.offset + 1
    return offsets


def check_conservation(records: Sequence[Record], outcomes: Sequence[Outcome], published: Mapping[type, int]) -> None:
    """Every record has one outcome, and every outcome that promises a publication has one.

    `published` counts the records that go out for outcomes of each kind. Raises FatalError: something was about to be
    lost or doubled.
    """
    counts = dict.fromkeys(_OUTCOMES, 0)
    for outcome in outcomes:
        if type(outcome) not in counts:
            raise FatalError("conservation", f"an outcome of an unknown kind: {type(outcome).__name__}")
        counts[type(outcome)] += 1
    if len(records) != len(outcomes):
        raise FatalError("conservation", f"{len(records)} records consumed, {len(outcomes)} outcomes")
    for kind in (Tagged, DeadLettered):
        if counts[kind] != published.get(kind, 0):
            raise FatalError(
                "conservation",
                f"{counts[kind]} records {kind.__name__}, {published.get(kind, 0)} about to be published",
            )
