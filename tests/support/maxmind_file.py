"""Writes small databases in MaxMind's format, so that tests need none of MaxMind's.

The format: https://maxmind.github.io/MaxMind-DB/ . A binary tree over the bits of IPv6 addresses (IPv4 under ::/96),
records of 24 bits; sixteen zero bytes; the data; a marker and the metadata. Only what the tests need: maps, texts,
numbers below 2**32.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["write_database"]

MARKER = b"\xab\xcd\xefMaxMind.com"
EMPTY = -1
_MAP, _TEXT, _UINT16, _UINT32, _ARRAY = 7, 2, 5, 6, 11
_METADATA_KINDS = {"node_count": 6, "build_epoch": 9}
"""The reader insists on the types that the format gives these numbers; the other numbers of the metadata are 16 bits."""


def write_database(path: Path, networks: Mapping[str, Mapping[str, Any]], *, built_at: int = 1_700_000_000) -> None:
    """A database that knows `networks` (CIDR, IPv4) and nothing else."""
    nodes: list[list[int]] = [[EMPTY, EMPTY]]
    data, offsets = b"", []
    for network, record in networks.items():
        offsets.append(len(data))
        data += _encode(record)
        _insert(nodes, network, -2 - (len(offsets) - 1))
    count = len(nodes)
    tree = b"".join(_record(side, count, offsets) for node in nodes for side in node)
    metadata = {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": built_at,
        "database_type": "Test",
        "description": {"en": "for tests"},
        "ip_version": 6,
        "languages": ["en"],
        "node_count": count,
        "record_size": 24,
    }
    path.write_bytes(tree + bytes(16) + data + MARKER + _encode(metadata))


def _insert(nodes: list[list[int]], network: str, leaf: int) -> None:
    net = ipaddress.ip_network(network)
    bits = [0] * 96 + [int(bit) for bit in f"{int(net.network_address):032b}"[: net.prefixlen]]
    at = 0
    for bit in bits[:-1]:
        if nodes[at][bit] < 0:
            nodes.append([EMPTY, EMPTY])
            nodes[at][bit] = len(nodes) - 1
        at = nodes[at][bit]
    nodes[at][bits[-1]] = leaf


def _record(side: int, count: int, offsets: list[int]) -> bytes:
    value = side if side >= 0 else count if side == EMPTY else count + 16 + offsets[-2 - side]
    return value.to_bytes(3, "big")


def _encode(value: Any, kind: int = _UINT32) -> bytes:
    if isinstance(value, Mapping):
        is_metadata = "binary_format_major_version" in value
        kinds = {key: _METADATA_KINDS.get(key, _UINT16) if is_metadata else _UINT32 for key in value}
        parts = (_encode(key) + _encode(one, kinds[key]) for key, one in value.items())
        return _head(_MAP, len(value)) + b"".join(parts)
    if isinstance(value, list):
        return _head(_ARRAY, len(value)) + b"".join(map(_encode, value))
    if isinstance(value, str):
        raw = value.encode()
        return _head(_TEXT, len(raw)) + raw
    raw = int(value).to_bytes((int(value).bit_length() + 7) // 8, "big")
    return _head(kind, len(raw)) + raw


def _head(kind: int, size: int) -> bytes:
    assert size < 285, "larger sizes are written in yet another way"
    low, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    return (bytes([kind << 5 | low]) if kind < 8 else bytes([low, kind - 7])) + more
