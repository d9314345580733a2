"""Dead letters: the headers that say why a record failed and where it came from. The record's bytes stay as they were. Pure."""

from __future__ import annotations

from msgspec import Struct

from workers.formats.ids import fast_uuid5
from workers.formats.tagged_event import DEAD_LETTER_TYPE
from workers.model import OutgoingRecord, Partition, Record
from workers.model.records import Headers

__all__ = ["ALERTER", "OWN_HEADERS", "TAGGER", "DeadLetterInfo", "dead_letter", "parse_dead_letter", "restored_headers"]

TAGGER = "urn:shirase:tagger"
ALERTER = "urn:shirase:alerter"
_NAMESPACE = b"shirase.deadlett"
_PREFIX = "shirase-"
ATTEMPTS = "shirase-attempts"
OWN_HEADERS = frozenset(
    {
        "shirase-error-code",
        "shirase-error-detail",
        "shirase-origin-topic",
        "shirase-origin-partition",
        "shirase-origin-offset",
        "shirase-origin-timestamp",
        "shirase-worker",
    }
)
_DETAIL_LIMIT = 1000


class DeadLetterInfo(Struct, frozen=True, kw_only=True):
    """What a dead letter's headers say. `attempts` counts how often the record was tried."""

    id: str
    code: str
    detail: str
    origin: Partition
    offset: int
    timestamp_ms: int
    worker: str
    attempts: int


def dead_letter(
    record: Record, topic: str, *, code: str, detail: str, worker: str, source: str = TAGGER
) -> OutgoingRecord:
    """`record`'s original key and bytes for the dead-letter `topic`, with reason and origin in headers; `source` gave up on it.

    The id depends on the origin alone, so a repeat can be told. The original headers are kept, ours replaced.
    """
    attempts = _attempts(record.headers) + 1
    origin = record.partition
    own: Headers = (
        ("shirase-error-code", code.encode()),
        ("shirase-error-detail", _printable(detail).encode()),
        ("shirase-origin-topic", origin.topic.encode()),
        ("shirase-origin-partition", str(origin.number).encode()),
        ("shirase-origin-offset", str(record.offset).encode()),
        ("shirase-origin-timestamp", str(record.timestamp_ms).encode()),
        ("shirase-worker", worker.encode()),
        (ATTEMPTS, str(attempts).encode()),
    )
    kept = tuple(h for h in record.headers if h[0] not in OWN_HEADERS and h[0] != ATTEMPTS)
    # A feed that speaks CloudEvents itself keeps its own attributes: they are part of the record's origin.
    if not any(name == "ce_type" for name, _ in kept):
        own += _cloud_event(f"{origin.topic}-{origin.number}-{record.offset}", source)
    return OutgoingRecord(topic=topic, key=record.key, value=record.value, headers=kept + own)


def parse_dead_letter(record: Record) -> DeadLetterInfo | None:
    """What the headers of a dead letter say, None where the record is no dead letter of ours."""
    found = {name: value for name, value in record.headers if name.startswith(_PREFIX)}
    try:
        origin = Partition(
            found["shirase-origin-topic"].decode(),
            int(found["shirase-origin-partition"]),
        )
        offset = int(found["shirase-origin-offset"])
        return DeadLetterInfo(
            id=f"{origin.topic}-{origin.number}-{offset}",
            code=found["shirase-error-code"].decode(),
            detail=found["shirase-error-detail"].decode(),
            origin=origin,
            offset=offset,
            timestamp_ms=int(found["shirase-origin-timestamp"]),
            worker=found["shirase-worker"].decode(),
            attempts=int(found[ATTEMPTS]),
        )
    except (KeyError, ValueError):
        return None


def restored_headers(record: Record) -> Headers:
    """The original headers of a dead letter for a retry; `shirase-attempts` stays, so that the next failure counts on."""
    ours = ("ce_type", DEAD_LETTER_TYPE) in record.headers
    return tuple(h for h in record.headers if h[0] not in OWN_HEADERS and not (ours and h[0].startswith("ce_")))


def _cloud_event(place: str, source: str) -> Headers:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", fast_uuid5(_NAMESPACE, place).encode()),
        ("ce_source", source.encode()),
        ("ce_type", DEAD_LETTER_TYPE),
    )


def _attempts(headers: Headers) -> int:
    for name, value in headers:
        if name == ATTEMPTS and value.isdigit() and len(value) < 10:
            return int(value)
    return 0


def _printable(text: str) -> str:
    kept = "".join(c if c.isprintable() else "�" for c in text[:_DETAIL_LIMIT])
    return kept.encode("utf-8", "replace").decode()
