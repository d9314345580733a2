"""The items that are measured with: a file of raw items (JSON Lines, gzip or not), else the demo's."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import msgspec

__all__ = ["load_items"]

_DEMO = Path(__file__).resolve().parents[1] / "config" / "demo" / "news.jsonl"


def load_items(path: Path | None, count: int) -> list[bytes]:
    """`count` raw items as bytes, each with an id of its own; the file is repeated as often as needed."""
    chosen = path or _DEMO
    opener = gzip.open if chosen.suffix == ".gz" else open
    with opener(chosen, "rb") as lines:
        items = [item for line in lines if (item := _object(line)) is not None]
    return [_numbered(item, at) for at, item in enumerate(itertools.islice(itertools.cycle(items), count))]


def _object(line: bytes) -> dict[str, object] | None:
    try:
        item = msgspec.json.decode(line)
    except (msgspec.DecodeError, ValueError):
        return None
    return item if isinstance(item, dict) and (item.get("title") or item.get("body")) and "tlp" in item else None


def _numbered(item: dict[str, object], at: int) -> bytes:
    return msgspec.json.encode({**item, "id": f"bench-{at}"})
