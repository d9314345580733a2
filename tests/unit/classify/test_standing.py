"""Who stands beside a victim: the place of words, owners, reasons and namesakes in a sentence."""

from __future__ import annotations

import pytest

from workers.classify import Reader
from workers.model import RawItem

PUBLISHED = 0.5


def countries(reader: Reader, text: str, language: str = "en") -> set[str]:
    found = reader.read(RawItem(body=text, language=language)).targets.countries
    return {target.code for target in found if target.score >= PUBLISHED}


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("Vandals defaced the Slovak tax office with a rhyme in Hungarian and Romanian before it went dark.", {"SK"}),
        ("Intruders stole passwords in Hungarian ministries over the weekend.", {"HU"}),
        ("Hackers broke into the network of Chile's National Security Agency.", {"CL"}),
        ("Hackers broke into the network of the American National Security Agency.", {"US"}),
        ("A botnet swamped ticket shops in Oslo in response to the seizure of a trawler off Iceland.", {"NO"}),
        ("Hackers robbed a bank in Kenya; the money was traced to bank accounts in Warsaw and Sofia.", {"KE"}),
        ("Vandals defaced the web pages of the Bolivian embassies in Oslo and Helsinki.", {"BO"}),
        ("Police in Iceland arrested a student who had hacked a brewery in Denmark.", {"DK"}),
        ("Police in Iceland are looking for whoever copied the guest lists of a spa chain.", {"IS"}),
        ("Madrid, March 3 (Reuters) - A ferry line in Greece cancelled sailings after a cyberattack.", {"GR"}),
        ("Both Latvia and Estonia say that Belarusian hackers broke into the parliament in Vilnius.", {"LT"}),
    ],
)
def test_who_stands_beside_the_victim_is_no_target(reader: Reader, text: str, hit: set[str]) -> None:
    assert countries(reader, text) == hit


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("A dentist in Milan, Michigan told patients that hackers stole their charts.", {"US"}),
        ("Intruders wiped the tills of a bakery in Milan, Lisbon and Vienna.", {"IT", "PT", "AT"}),
        ("The Odessa School District lost two weeks of lessons to ransomware.", set()),
    ],
)
def test_an_american_town_is_not_its_namesake(reader: Reader, text: str, hit: set[str]) -> None:
    assert countries(reader, text) == hit


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("Anonymous Portugal defaced two dozen government websites over the new water tax.", {"PT"}),
        ("Chinese hackers broke into two dozen government websites.", set()),
        ("The source code of the malware tools of MuddyWater, an Iranian group, was leaked in a chat channel.", {"IR"}),
        ("MuddyWater, an Iranian group, wrote new malware tools.", set()),
    ],
)
def test_who_acts_is_hit_only_where_the_text_says_so(reader: Reader, text: str, hit: set[str]) -> None:
    assert countries(reader, text) == hit


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("スウェーデン企業のケニア子会社がランサムウェアの被害を受けた。", {"KE"}),
        ("ケニア企業のスウェーデン子会社がランサムウェアの被害を受けた。", {"SE"}),
        ("在ケニアのフィンランド大使館が不正アクセスを受けた。", {"FI"}),
        ("ノルウェーへの報復として、ハッカーがデンマークの港湾会社を攻撃した。", {"DK"}),
        ("フィンランドの研究者によると、攻撃者はタイの水族館のサーバーに侵入した。", {"TH"}),
    ],
)
def test_who_stands_beside_the_victim_in_japanese(reader: Reader, text: str, hit: set[str]) -> None:
    assert countries(reader, text, "ja") == hit


def test_the_home_in_an_organisations_name_is_found(reader: Reader) -> None:
    assert countries(reader, "Air New Zealand reset its passwords after an intrusion.") == {"NZ"}
