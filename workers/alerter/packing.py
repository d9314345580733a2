"""Digests on the internal topic: one record holds the digests that one batch gives to one shard. Pure.

Packed, since the cost of a record on its way through Faust is many times that of a digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from workers.alerter.digest import Digest
from workers.model import OutgoingRecord

__all__ = ["packed", "unpacked"]

_MOST_DIGESTS = 100
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Digest]).decode


def packed(digests: Iterable[Digest], topic: str) -> Iterator[OutgoingRecord]:
    """Records for `topic`, keyed by shard; the digests of a shard stay in order."""
    shards: dict[str, list[Digest]] = {}
    for digest in digests:
        shards.setdefault(digest.shard, []).append(digest)
    for shard, own in shards.items():
        for start in range(0, len(own), _MOST_DIGESTS):
            value = _encode(own[start : start + _MOST_DIGESTS])
            yield OutgoingRecord(topic=topic, key=shard.encode("utf-8", "surrogatepass"), value=value)


def unpacked(value: bytes | None) -> Sequence[Digest]:
    """The digests of a record. Raises msgspec.DecodeError (ValidationError among it) where it holds none of ours."""
    return _decode(value or b"")
