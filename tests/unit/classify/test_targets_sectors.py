"""Sectors of the target, and not of whoever attacks, reports or carries the message."""

from __future__ import annotations

import pytest

from workers.classify import Reader
from workers.model import RawItem

PUBLISHED = 0.5


def sectors(reader: Reader, text: str, title: str | None = None) -> set[str]:
    targets = reader.read(RawItem(title=title, body=text)).targets
    return {sector.id for sector in targets.sectors if sector.score >= PUBLISHED}


@pytest.mark.parametrize(
    ("text", "sector"),
    [
        ("Hackers defaced mncourts.example.gov and posted a message.", "government"),
        ("A ransomware attack hit Bluefjord Airways and its passengers.", "transportation"),
        ("Attackers breached the county government of Elmsford.", "government"),
        ("保育園チェーンがサイバー攻撃を受け、情報が流出した。", "education"),
        ("ドラッグストアがランサムウェア攻撃を受けた。", "retail"),
    ],
)
def test_words_tell_the_sector(reader: Reader, text: str, sector: str) -> None:
    assert sector in sectors(reader, text)


@pytest.mark.parametrize(
    ("text", "sector"),
    [
        ("The Chinese government hacked a hospital in Oslo.", "government"),
        ("Military hackers attacked a hospital.", "defense"),
        ("A hospital was hacked, a newspaper reported.", "media"),
        ("A hospital was hacked, police said.", "government"),
        ("The hospital's attackers reused their infrastructure.", "infrastructure"),
    ],
)
def test_words_of_others_do_not(reader: Reader, text: str, sector: str) -> None:
    found = sectors(reader, text)
    assert sector not in found
    assert "healthcare" in found


def test_an_organ_of_state_that_is_hacked_is_government(reader: Reader) -> None:
    assert "government" in sectors(reader, "The NSA was hacked.")


def test_a_long_report_names_its_victims_late(reader: Reader) -> None:
    filler = "The loader writes a file and waits. " * 40
    assert "aerospace" in sectors(
        reader, f"{filler}The campaign is targeting aerospace companies.", "Phishing campaign"
    )
    assert "aerospace" not in sectors(reader, f"{filler}One lure shows a satellite.", "Phishing campaign")


@pytest.mark.parametrize(
    "text",
    [
        "Successful exploitation of this vulnerability could allow an attacker to read files. Hitachi Energy reported it to CISA.",
        "CVE-2031-1001: CISA reports a flaw in Hitachi Energy controllers.",
    ],
)
def test_an_advisory_has_no_target_country(reader: Reader, text: str) -> None:
    assert reader.read(RawItem(title="Hitachi Energy UNEM", body=text)).targets.countries == []


def test_an_exploited_flaw_keeps_its_target(reader: Reader) -> None:
    text = "Chinese hackers used CVE-2031-1001 to breach Norwegian ministries."
    assert [target.code for target in reader.read(RawItem(body=text)).targets.countries] == ["NO"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("サンフランシスコの病院がランサムウェア攻撃を受けた。", "US"),
        ("愛知県の製造業がサイバー攻撃を受け、操業を停止した。", "JP"),
    ],
)
def test_japanese_places_are_known(reader: Reader, text: str, code: str) -> None:
    assert code in {target.code for target in reader.read(RawItem(body=text)).targets.countries}
