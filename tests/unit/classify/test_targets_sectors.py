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


def countries(reader: Reader, text: str) -> set[str]:
    return {target.code for target in reader.read(RawItem(body=text)).targets.countries if target.score >= PUBLISHED}


@pytest.mark.parametrize(
    ("text", "hit", "beside"),
    [
        ("Intruders defaced the website of the Chadian embassy in Oslo.", "TD", "NO"),
        ("The UK Russian embassy was taken down by a flood of traffic.", "RU", "GB"),
        ("The Irish brewer said that its Kenyan subsidiary was hit by ransomware.", "KE", "IE"),
        ("Spyware sold by a Greek company was used to hack Bolivian lawyers.", "BO", "GR"),
        ("Hackers breached the port of Malta; the money was traced to Hong Kong.", "MT", "HK"),
        ("Every canton was hit by the worm except Geneva, and Austria was hacked as well.", "AT", "CH"),
        ("Hackers defaced the portal of the Indian Revenue Service (IRS).", "IN", "US"),
        ("Analysts in Canberra say that hackers breached the treasury of Fiji.", "FJ", "AU"),
    ],
)
def test_a_country_beside_the_victim_is_no_target(reader: Reader, text: str, hit: str, beside: str) -> None:
    found = countries(reader, text)
    assert hit in found
    assert beside not in found


def test_every_member_of_a_list_is_a_target(reader: Reader) -> None:
    assert countries(reader, "The group breached telecoms in Uganda, Rwanda, Malawi and Zambia.") == {
        "UG",
        "RW",
        "MW",
        "ZM",
    }


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("Hackers breached a clinic in Birmingham, Alabama.", "US"),
        ("Hackers breached a clinic in Birmingham.", "GB"),
        ("Hackers breached the library of London, Ontario.", "CA"),
        ("Hackers breached a Philadelphia food bank.", "US"),
        ("Bank of America was hacked.", "US"),
    ],
)
def test_a_name_that_places_share_goes_by_its_text(reader: Reader, text: str, country: str) -> None:
    assert countries(reader, text) == {country}


def test_a_government_spies_on_its_own_people(reader: Reader) -> None:
    text = "The government of Togo is accused of using spyware against journalists{}."
    assert countries(reader, text.format("")) == {"TG"}
    assert "TG" not in countries(reader, text.format(" in exile"))


def test_an_advisory_attacks_nobody(reader: Reader) -> None:
    text = (
        "Successful exploitation of this vulnerability could allow an attacker to stop the controller. CVE-2031-11111 in libcurl "
        "was reported to CISA. Company headquarters location: Germany."
    )
    assert countries(reader, text) == set()


def test_a_sector_that_others_outweigh_is_left_out(reader: Reader) -> None:
    text = "A dental clinic was hacked. The clinic told its patients. The clinic had used a bank for its payments."
    assert sectors(reader, text) == {"healthcare"}


def test_sectors_of_one_list_stay(reader: Reader) -> None:
    assert sectors(reader, "Hackers breached banks, ministries, airlines and telecoms.") >= {
        "financial-services",
        "government",
        "transportation",
        "telecommunications",
    }


def test_names_count_only_as_written(reader: Reader) -> None:
    assert "telecommunications" in sectors(reader, "Customer records were stolen from Orange by hackers.")
    assert "telecommunications" not in sectors(reader, "Hackers turned the orange lights of a school off.")
