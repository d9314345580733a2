"""Raw items: what is taken, what is refused, and with which code."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors import ItemError
from workers.formats.ids import EVENT_NAMESPACE, ITEM_NAMESPACE, event_id, fast_uuid5
from workers.formats.raw_item import ItemDecoder, parse_tlp
from workers.model import Tlp
from workers.settings import FieldMapSettings

DECODER = ItemDecoder(10_000)


def refused(value: bytes | None, decoder: ItemDecoder = DECODER) -> ItemError:
    with pytest.raises(ItemError) as caught:
        decoder.decode("t", value)
    return caught.value


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "tombstone"),
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"x" * 10_001, "too-large"),
        (b'{"title": "\xff"}', "not-utf8"),
        (b'{"unknown": "\xff", "title": "a"}', "not-utf8"),
        (b"{", "not-json"),
        (b'{"title": "a"} {}', "not-json"),
        (b'{"title": NaN}', "not-json"),
        (b'{"title": "\\ud800"}', "not-json"),
        (b"null", "not-an-object"),
        (b"[]", "not-an-object"),
        (b"12", "not-an-object"),
        (b'"text"', "not-an-object"),
        (b'{"x": ' + b"[" * 4000 + b"]" * 4000 + b"}", "too-deep"),
        (b"[" * 9000, "not-an-object"),
        (b"{}", "no-text"),
        (b'{"title": "", "body": " ", "summary": null}', "no-text"),
        (b'{"title": 5}', "wrong-type"),
        (b'{"title": "a", "confidence": 101}', "wrong-type"),
        (b'{"title": "a", "confidence": 70.5}', "wrong-type"),
        (b'{"title": "a", "confidence": ' + b"9" * 5000 + b"}", "wrong-type"),
        (b'{"title": "a", "content_type": "application/pdf"}', "wrong-type"),
        (b'{"title": "a", "observables": [{"type": "x"}]}', "wrong-type"),
        (b'{"title": "a", "tlp": "PURPLE"}', "unknown-tlp"),
    ],
)
def test_each_fault_has_its_code(value: bytes | None, code: str) -> None:
    assert refused(value).code == code


def test_a_wrong_type_is_named_by_its_path() -> None:
    error = refused(b'{"title": "a", "source": {"name": 7}}')
    assert error.detail == "$.source.name: Expected `str | null`, got `int`"


def test_nesting_and_numbers_of_any_size_end_quickly() -> None:
    wide = ItemDecoder(2_000_000)
    assert refused(b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", wide).code == "too-deep"
    assert refused(b'{"confidence": ' + b"9" * 1_000_000 + b"}", wide).code == "wrong-type"
    assert wide.decode("t", b'{"title": "a", "x": ' + b"9" * 1_000_000 + b"}").unknown_members == 1


def test_unknown_members_are_kept_out_and_counted() -> None:
    decoded = DECODER.decode("t", b'{"title": "a", "colour": "red", "size": {"w": 1}}')
    assert decoded.unknown_members == 2
    assert not hasattr(decoded.item, "colour")


def test_an_item_without_id_gets_one_of_its_url_else_of_its_text() -> None:
    by_url = DECODER.decode("t", b'{"title": "a", "url": "https://news.example/1"}').item_id
    assert by_url == str(uuid.uuid5(uuid.UUID(bytes=ITEM_NAMESPACE), "https://news.example/1"))
    one, two = (DECODER.decode("t", b'{"title": "%s"}' % t).item_id for t in (b"a", b"b"))
    assert one != two
    assert one == DECODER.decode("t", b'{ "title":"a" }').item_id


def test_missing_tlp_is_not_clear() -> None:
    assert DECODER.decode("t", b'{"title": "a"}').tlp is None


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("CLEAR", Tlp.CLEAR),
        ("white", Tlp.CLEAR),
        ("TLP:AMBER+STRICT", Tlp.AMBER_STRICT),
        (" tlp:red ", Tlp.RED),
        (None, None),
    ],
)
def test_tlp_is_read_however_it_is_written(text: str | None, level: Tlp | None) -> None:
    assert parse_tlp(text) == level


def test_a_byte_order_mark_is_no_fault() -> None:
    assert DECODER.decode("t", b'\xef\xbb\xbf{"title": "a"}').item.title == "a"


def test_the_order_of_texts_matters_to_the_hash() -> None:
    one = DECODER.decode("t", b'{"title": "a", "body": "b"}')
    two = DECODER.decode("t", b'{"title": "b", "body": "a"}')
    three = DECODER.decode("t", b'{"title": "ab"}')
    assert len({one.content_sha256, two.content_sha256, three.content_sha256}) == 3


def test_a_feed_of_another_shape_is_mapped() -> None:
    feed = FieldMapSettings(
        topic="vendor",
        members={"title": "/headline", "body": "/content/text", "source.name": "/by", "confidence": "/sure"},
        constants={"tlp": "GREEN"},
    )
    mapped = ItemDecoder(10_000, [feed])
    decoded = mapped.decode("vendor", b'{"headline": "h", "content": {"text": "t"}, "by": "V", "sure": "70"}')
    assert (decoded.item.title, decoded.item.body, decoded.tlp) == ("h", "t", Tlp.GREEN)
    assert decoded.item.source is not None
    assert decoded.item.source.name == "V"
    assert decoded.item.confidence == 70
    assert refused(b'{"content": "x"}', mapped).code == "no-text"
    with pytest.raises(ItemError, match="not-an-object"):
        mapped.decode("vendor", b"[1]")


@given(st.text())
def test_our_uuid5_is_the_standards(name: str) -> None:
    name = name.encode("utf-8", "replace").decode()
    assert fast_uuid5(EVENT_NAMESPACE, name) == str(uuid.uuid5(uuid.UUID(bytes=EVENT_NAMESPACE), name))


def test_event_ids_depend_on_item_and_content() -> None:
    assert event_id("a", "1") == event_id("a", "1")
    assert len({event_id("a", "1"), event_id("a", "2"), event_id("b", "1")}) == 3


@given(st.binary(max_size=300))
def test_any_bytes_are_decoded_or_refused(value: bytes) -> None:
    try:
        DECODER.decode("t", value)
    except ItemError as error:
        refusal = error
    else:
        return
    assert refusal.code
    assert refusal.detail
