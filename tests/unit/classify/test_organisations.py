"""Organisations named as victims: what their names are, where they are, what they do; and who is none."""

from __future__ import annotations

import pytest

from workers.classify import Reader
from workers.model import Organisation, RawItem


def found(reader: Reader, text: str) -> list[Organisation]:
    return list(reader.read(RawItem(body=text)).targets.organisations)


@pytest.mark.parametrize(
    ("text", "name", "country", "sector"),
    [
        ("Hackers breached Marigold University and leaked its payroll.", "Marigold University", None, "education"),
        ("The University of Osaka was hacked on Monday.", "University of Osaka", "JP", "education"),
        (
            "Ransomware struck Saint Brynja Hospital in Norway, which suffered an outage.",
            "Saint Brynja Hospital",
            "NO",
            "healthcare",
        ),
        (
            "Harrow & Finch Holdings disclosed a data breach at its parent company.",
            "Harrow & Finch Holdings",
            None,
            None,
        ),
        ("Attackers hacked the Polish Ministry of Health.", "Polish Ministry of Health", "PL", "healthcare"),
        ("Northpine Credit Union's servers were breached.", "Northpine Credit Union", None, "financial-services"),
        ("サイバー攻撃により横浜市立病院のシステムが停止した。", "横浜市立病院", "JP", "healthcare"),
        ("株式会社青空物産は不正アクセスを受け、顧客情報が流出した。", "株式会社青空物産", None, None),
    ],
)
def test_victims_are_named(reader: Reader, text: str, name: str, country: str | None, sector: str | None) -> None:
    organisations = {entry.name: entry for entry in found(reader, text)}
    assert name in organisations
    assert (organisations[name].country, organisations[name].sector) == (country, sector)


@pytest.mark.parametrize(
    "text",
    [
        "Researchers at Marigold University found that a botnet attacked routers.",
        "The attack on the grid was discovered by Harrow Security Technologies.",
        "According to Northpine Credit Union, criminals attacked shops.",
        "Marigold University opens a new library next spring.",
        "A hospital was hacked.",
        "The attack was claimed by Lazarus Group.",
        "複数の大学が攻撃を受けた。",
        "CVSS 9.8: successful exploitation of this flaw in Harrow Systems Inc products could allow an attacker to run code.",
    ],
)
def test_reporters_attackers_and_common_nouns_are_no_victims(reader: Reader, text: str) -> None:
    assert found(reader, text) == []


def test_a_listed_organisation_brings_its_home(reader: Reader) -> None:
    (entry,) = found(reader, "JAXA admitted that outsiders had read mail about its lunar lander.")
    assert (entry.name, entry.country, entry.sector) == ("JAXA", "JP", "aerospace")


def test_the_evidence_is_the_name_as_it_stands(reader: Reader) -> None:
    text = "After a week offline, Marigold University confirmed that it was hacked. Marigold University has no backups."
    (entry,) = found(reader, text)
    (evidence,) = entry.evidence
    assert (evidence.field, text[evidence.start : evidence.end]) == ("body", "Marigold University")


def test_a_field_full_of_names_gives_a_bounded_list(reader: Reader) -> None:
    text = " ".join(
        f"The servers of the {chr(65 + number % 26)}{'a' * (number + 2)} University were breached by hackers."
        for number in range(80)
    )
    assert len(found(reader, text)) == 12
