"""Dead letters as an operator sees them: which wait, which were retried, and what a retry publishes. Pure.

A retry publishes two records in one transaction: the original bytes to the topic they came from, and a marker (empty
value, header `shirase-retried: <id>`) to the dead-letter topic. So the topic itself tells every operator, on any
machine, what was retried; nothing is retried twice, and nothing is marked that was not. A retried record that fails
again is a new dead letter: its id names its new place in the origin topic, its attempts count on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from workers.formats.dead_letter import DeadLetterInfo, parse_dead_letter, restored_headers
from workers.model import OutgoingRecord, Record

__all__ = [
    "RETRIED",
    "RETRIED_TYPE",
    "Letter",
    "choose",
    "described",
    "letters_of",
    "readable_bytes",
    "retried_id",
    "retry_outputs",
]

RETRIED = "shirase-retried"
RETRIED_TYPE = b"org.shirase.retried.v1"
_CUT = "shirase-cut-from-bytes"


class Letter(Struct, frozen=True, kw_only=True):
    """One dead letter: what its headers say, the record itself, and whether it was retried."""

    info: DeadLetterInfo
    record: Record
    retried: bool

    @property
    def is_whole(self) -> bool:
        """Whether the record's bytes are all here: one larger than a request is kept cut, and stands whole at its origin."""
        return all(name != _CUT for name, _ in self.record.headers)


def letters_of(records: Iterable[Record]) -> list[Letter]:
    """The dead letters among `records` in their order, each id once; records of others are left out."""
    found: dict[str, tuple[DeadLetterInfo, Record]] = {}
    retried: set[str] = set()
    for record in records:
        marked, info = retried_id(record), parse_dead_letter(record)
        if marked is not None:
            retried.add(marked)
        elif info is not None:
            found.setdefault(info.id, (info, record))
    return [Letter(info=info, record=record, retried=key in retried) for key, (info, record) in found.items()]


def retried_id(record: Record) -> str | None:
    """The dead letter that `record` marks as retried, None where it is no such marker."""
    return next((value.decode("utf-8", "replace") for name, value in record.headers if name == RETRIED), None)


def choose(letters: Sequence[Letter], ids: Sequence[str], codes: Sequence[str]) -> list[Letter]:
    """The letters with one of `ids`, or with one of `codes`; all of them where neither is given."""
    if not ids and not codes:
        return list(letters)
    return [one for one in letters if one.info.id in ids or one.info.code in codes]


def retry_outputs(letter: Letter, value: bytes | None, dead_letter_topic: str) -> tuple[OutgoingRecord, OutgoingRecord]:
    """What retrying `letter` publishes: `value` at its origin with the original key and headers, and the marker."""
    again = OutgoingRecord(
        topic=letter.info.origin.topic, key=letter.record.key, value=value, headers=restored_headers(letter.record)
    )
    marker = OutgoingRecord(
        topic=dead_letter_topic,
        key=letter.record.key,
        value=b"",  # a producer refuses a record with neither key nor value
        headers=(
            ("ce_specversion", b"1.0"),
            ("ce_id", f"retried-{letter.info.id}".encode()),
            ("ce_source", b"urn:shirase:dlq"),
            ("ce_type", RETRIED_TYPE),
            (RETRIED, letter.info.id.encode()),
        ),
    )
    return again, marker


def described(letter: Letter) -> dict[str, Any]:
    """The letter for a program: bytes that are UTF-8 as text, others in Base64 under a name that says so."""
    info = letter.info
    return {
        "id": info.id,
        "code": info.code,
        "detail": info.detail,
        "topic": info.origin.topic,
        "partition": info.origin.number,
        "offset": info.offset,
        "timestamp_ms": info.timestamp_ms,
        "worker": info.worker,
        "attempts": info.attempts,
        "retried": letter.retried,
        "whole": letter.is_whole,
        **readable_bytes("key", letter.record.key),
        **readable_bytes("value", letter.record.value),
        "headers": [{"name": name, **readable_bytes("value", value)} for name, value in letter.record.headers],
    }


def readable_bytes(name: str, value: bytes | None) -> dict[str, Any]:
    """`value` under `name` as text where it is UTF-8, else in Base64 under `name` with `_base64` after it."""
    if value is None:
        return {name: None}
    try:
        return {name: value.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": value}
