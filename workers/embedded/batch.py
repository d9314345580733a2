"""Record batches (magic 2) as bytes: header, checksum, offsets, transaction markers.

May look at a batch's header and stamp its base offset; records stay undecoded except where one lookup by time
needs the exact record. Layout: https://kafka.apache.org/documentation/#recordbatch
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import calc_crc32c

from workers.embedded.codes import Code

__all__ = ["HEADER_BYTES", "BatchHeader", "check_produced", "first_at_or_after", "is_commit", "marker", "place"]

_HEADER = struct.Struct(">qiibIhiqqqhii")
_BASE_AND_LENGTH_BYTES = 12
_CRC_STARTS_AT = 21
_TRANSACTIONAL = 0x10
_CONTROL = 0x20
_MAGIC = 2
# A marker holds one uncompressed record: length, attributes, two deltas, key length, then the key (version, type).
_MARKER_TYPE = struct.Struct(">h")
_MARKER_TYPE_AT = _HEADER.size + 7

HEADER_BYTES = _HEADER.size


class BatchHeader(NamedTuple):
    """The fixed part in front of a batch's records, field by field as the protocol lists them."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    first_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @classmethod
    def read(cls, data: bytes | bytearray | memoryview) -> BatchHeader:
        """Read the header at the start of `data`.

        Raises:
            struct.error: `data` is shorter than a header.

        """
        return cls._make(_HEADER.unpack_from(data))

    @property
    def size(self) -> int:
        """Bytes of the whole batch, header included."""
        return self.length + _BASE_AND_LENGTH_BYTES

    @property
    def is_transactional(self) -> bool:
        """Whether the batch belongs to a transaction."""
        return bool(self.attributes & _TRANSACTIONAL)

    @property
    def is_control(self) -> bool:
        """Whether the batch is a commit or abort marker."""
        return bool(self.attributes & _CONTROL)


def check_produced(batch: bytes) -> tuple[Code, BatchHeader | None]:
    """Judge what a producer sent for one partition: exactly one whole, uncorrupted data batch, or why not."""
    if len(batch) < HEADER_BYTES:
        return Code.CORRUPT_MESSAGE, None
    header = BatchHeader.read(batch)
    if header.magic != _MAGIC:
        return Code.UNSUPPORTED_FOR_MESSAGE_FORMAT, None
    if header.size != len(batch) or calc_crc32c(memoryview(batch)[_CRC_STARTS_AT:]) != header.crc:
        return Code.CORRUPT_MESSAGE, None
    if header.is_control or header.record_count < 1 or header.record_count != header.last_offset_delta + 1:
        return Code.INVALID_RECORD, None
    return Code.NONE, header


def place(batch: bytes, base_offset: int) -> bytes:
    """Return the batch with its base offset (which the checksum does not cover) and leader epoch 0 written in."""
    placed = bytearray(batch)
    struct.pack_into(">q", placed, 0, base_offset)
    struct.pack_into(">i", placed, _BASE_AND_LENGTH_BYTES, 0)
    return bytes(placed)


def marker(producer: tuple[int, int], *, commit: bool, timestamp_ms: int) -> bytes:
    """Build the control batch that ends a transaction of `producer` (id, epoch) in one partition."""
    key = struct.pack(">hh", 0, int(commit))
    value = struct.pack(">hi", 0, 0)
    # Lengths below 64 are one byte in zigzag coding: twice the value.
    body = b"\0\0\0" + bytes([len(key) * 2]) + key + bytes([len(value) * 2]) + value + b"\0"
    record = bytes([len(body) * 2]) + body
    covered = (
        struct.pack(">hiqqqhii", _TRANSACTIONAL | _CONTROL, 0, timestamp_ms, timestamp_ms, *producer, -1, 1) + record
    )
    length = _CRC_STARTS_AT - _BASE_AND_LENGTH_BYTES + len(covered)
    return struct.pack(">qiibI", 0, length, 0, _MAGIC, calc_crc32c(covered)) + covered


def is_commit(control_batch: bytes) -> bool:
    """Tell a commit marker from an abort marker; both must come from `marker`."""
    return bool(_MARKER_TYPE.unpack_from(control_batch, _MARKER_TYPE_AT)[0])


def first_at_or_after(batch: bytes, timestamp_ms: int, least_offset: int) -> tuple[int, int] | None:
    """Find (offset, timestamp) of the first record stamped at or after a time, decoding this batch only."""
    for record in DefaultRecordBatch(batch):
        if record.timestamp >= timestamp_ms and record.offset >= least_offset:
            return record.offset, record.timestamp
    return None
