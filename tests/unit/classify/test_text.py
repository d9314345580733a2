"""The forms of a field, the language of a text, and offsets that stay the field's own whatever the rules read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.classify.groups import Designators
from workers.classify.reader import Reader
from workers.classify.text import detect_language, fields_of, has_kana
from workers.model import RawItem


def test_typographic_signs_are_read_as_plain_ones_and_quoted_as_written(reader: Reader) -> None:
    body = "“Kimsuky’s operators” hit banks in Japan\u00a0– again."
    field = fields_of(RawItem(body=body))[0]
    assert field.plain == '"Kimsuky\'s operators" hit banks in Japan - again.'
    assert field.original == body
    attacker = reader.read(RawItem(body=body)).attackers[0]
    assert attacker.country == "KP"
    for evidence in attacker.evidence:
        assert body[evidence.start : evidence.end] == evidence.quote


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=80))
def test_every_form_of_a_field_is_as_long_as_the_field(body: str) -> None:
    for field in fields_of(RawItem(body=body)):
        assert len(field.plain) == len(field.folded) == len(field.original)


@pytest.mark.parametrize(
    ("body", "language"),
    [
        ("北朝鮮のハッカーが取引所を攻撃した", "ja"),
        ("Hackers of the North attacked a bank in the city, and it was ひらがな", "ja"),
        (
            "Hackers of the North attacked the company 株式会社 in a long report on that and on this, with more words",
            "en",
        ),
        ("Хакеры атаковали банк в столице и украли данные многих клиентов, сообщает газета в среду утром", "und"),
        ("— “…” — 123 %", "en"),
        ("", "en"),
    ],
)
def test_the_language_is_told_from_its_signs(body: str, language: str) -> None:
    assert detect_language(None, fields_of(RawItem(body=body))) == language


@given(st.text(alphabet=st.sampled_from("aZ9 .éШ中国あア・ー。한"), min_size=1, max_size=60))
def test_counting_bytes_tells_the_same_as_counting_signs(body: str) -> None:
    kana = sum("\u3040" <= sign <= "\u30ff" for sign in body.lower())
    letters = sum(map(str.isalpha, body.lower()))
    plain = sum(sign.isascii() and sign.isalpha() for sign in body.lower())
    if body.isascii():
        expected = {"en", "und"}
    elif kana > 0.05 * max(letters, 1):
        expected = {"ja"}
    else:
        expected = {"und"} if plain < letters / 2 else {"en", "und"}
    assert detect_language(None, fields_of(RawItem(body=body))) in expected


def test_kana_are_told_from_other_wide_signs() -> None:
    assert has_kana("攻撃した")
    assert has_kana("ハッカー")
    assert not has_kana("中国黑客 — “quoted”")
    assert not has_kana("plain")


def test_a_designator_stands_where_the_text_has_it_whatever_signs_come_before() -> None:
    body = "中国の集団 UNC2814 と、Storm-0558 が東京で"
    field = fields_of(RawItem(body=body))[0]
    found = list(Designators(("UNC", "Storm-")).find(field))
    assert [group.name for group in found] == ["UNC2814", "Storm-0558"]
    assert [body[group.start : group.end] for group in found] == ["UNC2814", "Storm-0558"]


def test_a_vulnerability_stands_once_where_the_text_has_it_first(reader: Reader) -> None:
    body = "脆弱性 CVE-2026-1234 と cve–2026–98765、そして再び CVE-2026-1234 が悪用された"
    found = reader.read(RawItem(body=body)).vulnerabilities
    assert [entry.id for entry in found] == ["CVE-2026-1234", "CVE-2026-98765"]
    for entry in found:
        for evidence in entry.evidence:
            assert body[evidence.start : evidence.end] == evidence.quote
            assert len(entry.evidence) == 1
