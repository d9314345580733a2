"""Signatures: near texts are near, in English and Japanese; the index finds what resembles and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reports import text
from workers.alerter.text_index import TextIndex, resemblance
from workers.formats.text_signature import SIGNATURE_LAYOUT, item_signature, signature_bytes, text_signature
from workers.model import RawItem

JAPANESE = (
    "警察庁は、北朝鮮の攻撃者グループが日本の暗号資産交換業者に侵入し、およそ四百億円相当の暗号資産を盗んだと発表した。"
    "攻撃者は採用担当者を装って社員に接触し、悪意のあるファイルを開かせた。関係機関は注意を呼びかけている。"
)


def test_a_copy_with_matter_of_the_house_around_it_is_near() -> None:
    body = text(1, 300)
    copy = (
        "By our staff and agencies in the capital. " + body + " Follow us for more. All rights reserved by the house."
    )
    assert resemblance(text_signature(body), text_signature(copy)) > 0.7


@pytest.mark.parametrize("share", [0.35, 0.5, 0.8])
def test_a_text_that_was_cut_short_is_near(share: float) -> None:
    body = text(2, 400)
    assert resemblance(text_signature(body), text_signature(body[: int(len(body) * share)])) > 0.6


def test_japanese_needs_no_spaces() -> None:
    changed = JAPANESE.replace("およそ四百億円相当", "約四百億円相当")
    assert resemblance(text_signature(JAPANESE), text_signature(changed)) > 0.6
    other = "総務省は通信事業者に対し、設備の点検を求めた。障害の原因は保守作業中の設定の誤りであったと説明している。再発防止策を求める。"
    assert resemblance(text_signature(JAPANESE), text_signature(other)) < 0.2


def test_other_texts_are_far() -> None:
    assert resemblance(text_signature(text(3, 300)), text_signature(text(4, 300))) < 0.1


def test_what_is_too_short_says_nothing() -> None:
    assert text_signature("Hackers strike again") == b""
    assert item_signature(RawItem(title="Hackers strike again")) is None


def test_the_body_counts_and_the_headline_does_not() -> None:
    one = item_signature(RawItem(title="One headline of the many", body=text(5)))
    assert one == item_signature(RawItem(title="Quite another", body=text(5)))
    short = item_signature(RawItem(title="A long headline that says what happened to whom and when", body="See below."))
    assert short is not None


def test_markup_is_not_text() -> None:
    html = "<p>" + text(6).replace(" ", " <b>x</b> ", 1) + "</p>"
    plain = item_signature(RawItem(body=text(6)))
    found = item_signature(RawItem(body=html, content_type="text/html"))
    assert resemblance(signature_bytes(found), signature_bytes(plain)) > 0.8


@pytest.mark.parametrize("member", [None, "", "not base64!", "AAAA"])
def test_a_foreign_signature_is_none(member: str | None) -> None:
    assert signature_bytes(member) == b""


@given(st.text(max_size=300))
def test_any_text_has_a_signature_of_one_size_or_none(any_text: str) -> None:
    found = text_signature(any_text)
    assert not found or len(found) == SIGNATURE_LAYOUT.size
    assert found == text_signature(any_text)


def test_the_index_finds_and_forgets() -> None:
    index = TextIndex()
    for number in range(50):
        index.add(text_signature(text(number, 120)), f"story-{number}")
    near = index.near(text_signature(text(7, 120) + " and a few words more of another house"))
    assert list(near) == ["story-7"]
    assert near["story-7"] > 0.7
    assert index.near(b"") == {}
    for number in range(50):
        index.remove(text_signature(text(number, 120)), f"story-{number}")
    assert len(index) == 0
