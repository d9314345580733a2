from __future__ import annotations

import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.enrich import entries
from workers.enrich.entries import Entry, decode_entry, encode_entry
from workers.enrich.freshness import Expiry

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
VALUES = st.none() | st.dictionaries(st.text(max_size=8), JSON, max_size=6)


def entry(value: dict[str, Any] | None = None, born_ms: int = 1) -> Entry:
    return Entry(source="s", born_ms=born_ms, expiry=Expiry(soft_at_ms=2, hard_at_ms=3), value=value)


@given(VALUES, st.integers(0, 4_000_000_000_000), st.integers(1, 200))
def test_what_goes_in_comes_out(value: dict[str, Any] | None, born: int, compress_over: int) -> None:
    whole = Entry(source="epss", born_ms=born, expiry=Expiry(soft_at_ms=born + 1, hard_at_ms=born + 2), value=value)
    assert decode_entry(encode_entry(whole, compress_over)) == whole


def test_large_values_are_compressed_and_small_ones_are_not() -> None:
    large = entry({"text": "a" * 5000})
    assert len(encode_entry(large, 1024)) < 200
    assert len(encode_entry(large, 10_000)) > 5000
    assert encode_entry(entry(), 1024)[1:2] == b"p"


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    decode_entry(data)


@given(st.binary(max_size=200), st.sampled_from([b"p", b"z"]))
def test_no_bytes_behind_a_good_head_make_it_fail(data: bytes, packing: bytes) -> None:
    decode_entry(bytes((entries.FORMAT,)) + packing + data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\x01p",
        b"\x01z",
        b"\x02p" + encode_entry(entry(), 99)[2:],
        b"\x01x" + encode_entry(entry(), 99)[2:],
        encode_entry(entry(), 99)[:-1],
        encode_entry(entry({"a": "b" * 99}), 1)[:-1],
        b"\x01p" + msgspec.msgpack.encode(["s", 1, {"soft_at_ms": 2, "hard_at_ms": 3}]),
        b"\x01p" + msgspec.msgpack.encode(["s", -1, {"soft_at_ms": 2, "hard_at_ms": 3}, None]),
        b"\x01p" + msgspec.msgpack.encode(["s", 10**18, {"soft_at_ms": 2, "hard_at_ms": 3}, None]),
        b"\x01p" + msgspec.msgpack.encode(["s", 1, {"soft_at_ms": 2, "hard_at_ms": 3}, [1]]),
        b"\x80\x04\x95",  # how a pickle begins
    ],
)
def test_anything_else_is_no_entry(data: bytes) -> None:
    assert decode_entry(data) is None


def test_a_bomb_is_no_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MAX_PLAIN_BYTES", 10_000)
    small, large = entry({"text": "a" * 9000}), entry({"text": "a" * 11_000})
    assert decode_entry(encode_entry(small, 1)) == small
    assert decode_entry(encode_entry(large, 1)) is None


def test_deep_nesting_is_no_entry() -> None:
    deep = b"\x91" * 100_000 + b"\xc0"
    assert decode_entry(b"\x01p" + deep) is None
    assert decode_entry(b"\x01z" + zlib.compress(deep)) is None
