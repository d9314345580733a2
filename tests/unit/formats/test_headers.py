"""Headers of events and dead letters."""

from workers.formats.dead_letter import ALERTER, TAGGER, dead_letter, parse_dead_letter, restored_headers
from workers.formats.raw_item import ItemDecoder
from workers.formats.tagged_event import EventBuilder, HeaderBuilder, encode_event
from workers.model import Analysis, Attacker, OutgoingRecord, Partition, Record, Sector, TaggedEvent, Targets
from workers.model.records import Headers

RECORD = Record(
    partition=Partition("raw", 3),
    offset=42,
    timestamp_ms=1_700_000_000_000,
    key=b"k",
    value=b"\xff",
    headers=(("feed", b"x"), ("traceparent", b"00-1-2-01")),
)


def event(analysis: Analysis) -> TaggedEvent:
    decoded = ItemDecoder(1000).decode("raw", '{"id": "é", "title": "a", "tlp": "GREEN"}'.encode())
    builder = EventBuilder(worker="1", rules="r", knowledge="k")
    return builder.build(decoded, analysis, [], ["cn"], builder.provenance("2026-01-01T00:00:00Z"))


def attacker(country: str | None) -> Attacker:
    return Attacker(country=country, rank="primary", kind="unknown", score=0.9, stance="asserted")


def test_an_events_headers_follow_the_binding() -> None:
    analysis = Analysis(
        attackers=[attacker("CN"), attacker(None), attacker("KP")],
        targets=Targets(sectors=[Sector(id="technology", score=0.8)]),
    )
    made = event(analysis)
    headers = dict(HeaderBuilder("urn:x").build(made, RECORD.headers))
    assert headers == {
        "ce_specversion": b"1.0",
        "ce_type": b"org.shirase.tagged.v1",
        "ce_source": b"urn:x",
        "content-type": b"application/json",
        "ce_id": made.id.encode(),
        "ce_time": b"2026-01-01T00:00:00Z",
        "ce_subject": "é".encode(),
        "shirase-attackers": b"CN,KP",
        "shirase-sectors": b"technology",
        "shirase-tlp": b"GREEN",
        "traceparent": b"00-1-2-01",
    }


def test_empty_filter_headers_are_left_out() -> None:
    names = {name for name, _ in HeaderBuilder("urn:x").build(event(Analysis()), ())}
    assert "shirase-attackers" not in names
    assert "shirase-sectors" not in names


def test_the_event_says_what_was_analysed_even_when_empty() -> None:
    text = encode_event(event(Analysis(analysed=["attackers"])))
    assert b'"analysed":["attackers"],"attackers":[]' in text


def letter(record: Record) -> OutgoingRecord:
    return dead_letter(record, "dead", code="not-json", detail="byte 0: \nbad\x00", worker="w")


def arrived(out: OutgoingRecord, headers: Headers | None = None) -> Record:
    return Record(
        partition=Partition("dead", 0),
        offset=7,
        timestamp_ms=5,
        key=out.key,
        value=out.value,
        headers=out.headers if headers is None else headers,
    )


def test_a_dead_letter_keeps_bytes_key_and_headers_and_says_why() -> None:
    out = letter(RECORD)
    assert (out.topic, out.key, out.value) == ("dead", b"k", b"\xff")
    assert out.headers[:2] == RECORD.headers
    info = parse_dead_letter(arrived(out))
    assert info is not None
    assert (info.code, info.origin, info.offset, info.attempts) == ("not-json", Partition("raw", 3), 42, 1)
    assert info.id == "raw-3-42"
    assert info.detail == "byte 0: �bad�"


def test_a_retry_has_the_original_headers_and_its_next_failure_counts_on() -> None:
    again = restored_headers(arrived(letter(RECORD)))
    assert again == (*RECORD.headers, ("shirase-attempts", b"1"))
    record = Record(partition=Partition("raw", 3), offset=99, timestamp_ms=6, key=b"k", value=b"\xff", headers=again)
    info = parse_dead_letter(arrived(letter(record)))
    assert info is not None
    assert info.attempts == 2


def test_a_feeds_own_cloud_event_attributes_stay() -> None:
    own = (("ce_type", b"com.feed.item"), ("ce_id", b"1"))
    record = Record(partition=Partition("raw", 0), offset=1, timestamp_ms=0, key=None, value=b"{", headers=own)
    out = letter(record)
    assert out.headers[:2] == own
    assert restored_headers(arrived(out))[:2] == own


def test_ours_do_not_outlive_a_retry() -> None:
    out = letter(RECORD)
    assert ("ce_type", b"org.shirase.dead-letter.v1") in out.headers
    assert not any(name.startswith("ce_") for name, _ in restored_headers(arrived(out)))


def test_a_strange_record_is_no_dead_letter() -> None:
    assert parse_dead_letter(RECORD) is None
    assert parse_dead_letter(arrived(letter(RECORD), (("shirase-error-code", b"x"),))) is None


def test_a_dead_letter_names_who_gave_up_on_it() -> None:
    def source(**named: str) -> bytes:
        return dict(dead_letter(RECORD, "dead", code="c", detail="d", worker="w", **named).headers)["ce_source"]

    assert source() == TAGGER.encode() == b"urn:shirase:tagger"
    assert source(source=ALERTER) == b"urn:shirase:alerter"
