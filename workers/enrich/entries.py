"""The form in which an answer lies in the shared cache. Pure.

Byte 0 is the format's number, byte 1 says how the rest is packed ("p" plain, "z" zlib), the rest is a MessagePack
array. Whatever cannot be read, was written by another format, or unpacks to more than MAX_PLAIN_BYTES is no entry:
the cache is shared, and nothing in it is trusted further than its shape. Nothing here can run code from the cache.
"""

from __future__ import annotations

import zlib
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from workers.enrich.freshness import Expiry

__all__ = ["FORMAT", "MAX_PLAIN_BYTES", "Entry", "decode_entry", "encode_entry"]

FORMAT = 1
MAX_PLAIN_BYTES = 8 * 1024 * 1024
LATEST_MS = 253_402_300_800_000
_PLAIN = bytes((FORMAT,)) + b"p"
_PACKED = bytes((FORMAT,)) + b"z"


class Entry(Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """An answer with its source and its times. `value` is None where the source knows nothing."""

    source: str
    born_ms: Annotated[int, Meta(ge=0, lt=LATEST_MS)]
    expiry: Expiry
    value: dict[str, Any] | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


def encode_entry(entry: Entry, compress_over: int) -> bytes:
    """The entry's bytes, compressed where its plain form is larger than `compress_over` bytes."""
    plain = _encoder.encode(entry)
    return _PACKED + zlib.compress(plain) if len(plain) > compress_over else _PLAIN + plain


def decode_entry(data: bytes) -> Entry | None:
    """The entry, or None for anything that is not one."""
    head = data[:2]
    if head == _PLAIN:
        return _read(data[2:])
    if head == _PACKED:
        plain = _unpack(data[2:])
        return None if plain is None else _read(plain)
    return None


def _unpack(data: bytes) -> bytes | None:
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(data, MAX_PLAIN_BYTES)
    except zlib.error:
        return None
    return plain if unpacker.eof else None


def _read(plain: bytes) -> Entry | None:
    try:
        return _decoder.decode(plain)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
