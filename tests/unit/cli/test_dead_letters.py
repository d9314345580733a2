"""Dead letters for an operator: listing, choosing, retrying once."""

from __future__ import annotations

import json

import msgspec

from workers.cli.dead_letters import RETRIED, Letter, choose, described, letters_of, retry_outputs
from workers.formats.dead_letter import dead_letter, parse_dead_letter
from workers.model import OutgoingRecord, Partition, Record

TOPIC = "intel.dead-letter"
HEADERS = (("traceparent", b"00-1"), ("x", b"\xff"))


def raw(offset: int, value: bytes | None = b"{", headers: tuple[tuple[str, bytes], ...] = HEADERS) -> Record:
    return Record(partition=Partition("raw", 1), offset=offset, timestamp_ms=7, key=b"k", value=value, headers=headers)


def stored(out: OutgoingRecord, offset: int = 0) -> Record:
    return Record(
        partition=Partition(out.topic, 0), offset=offset, timestamp_ms=9, key=out.key, value=out.value,
        headers=out.headers,
    )  # fmt: skip


def letter(offset: int, code: str = "not-json", value: bytes | None = b"{") -> Record:
    return stored(dead_letter(raw(offset, value), TOPIC, code=code, detail="why", worker="1"))


def test_letters_are_listed_in_order_and_each_once() -> None:
    found = letters_of([letter(5), letter(3), letter(5)])
    assert [one.info.id for one in found] == ["raw-1-5", "raw-1-3"]
    assert not any(one.retried for one in found)


def test_records_of_others_are_left_out() -> None:
    assert letters_of([raw(1)]) == []


def test_a_retry_restores_key_value_and_headers_and_counts_on() -> None:
    (one,) = letters_of([letter(5)])
    again, _ = retry_outputs(one, one.record.value, TOPIC)
    assert (again.topic, again.key, again.value) == ("raw", b"k", b"{")
    assert again.headers == (*HEADERS, ("shirase-attempts", b"1"))
    failed_again = dead_letter(
        Record(partition=Partition("raw", 0), offset=99, timestamp_ms=1, key=again.key, value=again.value,
               headers=again.headers),
        TOPIC, code="not-json", detail="why", worker="1",
    )  # fmt: skip
    info = parse_dead_letter(stored(failed_again))
    assert info is not None
    assert (info.id, info.attempts) == ("raw-0-99", 2)


def test_the_marker_tells_that_a_letter_was_retried() -> None:
    (one,) = letters_of([letter(5)])
    _, marker = retry_outputs(one, b"mended", TOPIC)
    assert marker.topic == TOPIC
    assert dict(marker.headers)[RETRIED] == b"raw-1-5"
    both = letters_of([letter(5), letter(6), stored(marker)])
    assert [(found.info.id, found.retried) for found in both] == [("raw-1-5", True), ("raw-1-6", False)]


def test_a_marker_is_never_a_record_that_a_producer_refuses() -> None:
    record = stored(
        dead_letter(msgspec.structs.replace(raw(5, None), key=None), TOPIC, code="c", detail="", worker="1")
    )
    (one,) = letters_of([record])
    _, marker = retry_outputs(one, b"", TOPIC)
    assert marker.value is not None


def test_letters_are_chosen_by_id_by_code_or_all() -> None:
    found = letters_of([letter(1, "a"), letter(2, "b"), letter(3, "a")])

    def offsets(letters: list[Letter]) -> list[int]:
        return [one.info.offset for one in letters]

    assert offsets(choose(found, ["raw-1-2"], [])) == [2]
    assert offsets(choose(found, [], ["a"])) == [1, 3]
    assert offsets(choose(found, [], [])) == [1, 2, 3]
    assert choose(found, [], ["c"]) == []


def test_a_letter_that_was_cut_says_so() -> None:
    record = letter(1)
    cut = msgspec.structs.replace(record, headers=(*record.headers, ("shirase-cut-from-bytes", b"9")))
    assert [one.is_whole for one in letters_of([record])] == [True]
    assert [one.is_whole for one in letters_of([cut])] == [False]


def test_a_description_keeps_bytes_that_are_no_text() -> None:
    (one,) = letters_of([letter(1, value=b"\xff\x00")])
    shown = json.loads(msgspec.json.encode(described(one)))
    assert shown["value_base64"] == "/wA="
    assert "value" not in shown
    assert shown["key"] == "k"
    assert {"name": "x", "value_base64": "/w=="} in shown["headers"]
    assert (shown["topic"], shown["partition"], shown["offset"]) == ("raw", 1, 1)


def test_a_tombstone_is_described_as_nothing() -> None:
    (one,) = letters_of([letter(1, value=None)])
    assert described(one)["value"] is None
