"""JSON Schemas of the messages, generated from the types. Pure: callers write and compare files.

`python -m workers.formats.schemas DIR` writes them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from workers.model import Enrichment, RawItem, TaggedEvent
from workers.model.alert import Alert
from workers.model.alert_ack import AlertAck

__all__ = ["generated_schemas"]

_BASE = "https://shirase.invalid/schema/"
_MESSAGES = {
    "raw-item.json": RawItem,
    "tagged-event.json": TaggedEvent,
    "enrichment.json": Enrichment,
    "alert.json": Alert,
    "alert-ack.json": AlertAck,
}
_HEADERS = (
    "shirase-error-code",
    "shirase-error-detail",
    "shirase-origin-topic",
    "shirase-origin-partition",
    "shirase-origin-offset",
    "shirase-origin-timestamp",
    "shirase-worker",
    "shirase-attempts",
)


def generated_schemas() -> dict[str, str]:
    """File name to the schema's text, JSON Schema 2020-12, ending in a newline."""
    found = {name: _text(name, msgspec.json.schema(kind)) for name, kind in _MESSAGES.items()}
    found["dead-letter-headers.json"] = _text("dead-letter-headers.json", _dead_letter())
    return found


def _dead_letter() -> dict[str, object]:
    return {
        "title": "Dead letter headers",
        "description": "Headers of a record on the dead-letter topic, as UTF-8 text; key and value are the original bytes.",
        "type": "object",
        "properties": {name: {"type": "string"} for name in _HEADERS},
        "required": list(_HEADERS),
    }


def _text(name: str, schema: dict[str, object]) -> str:
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": _BASE + name}
    return json.dumps(head | schema, indent=1, ensure_ascii=False) + "\n"


def _write(folder: Path) -> None:
    for name, text in generated_schemas().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
