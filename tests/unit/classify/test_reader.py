from __future__ import annotations

import threading
from typing import Any

import msgspec

from workers.classify import Reader
from workers.model import ANALYSED_ALL, Analysis, Evidence, RawItem


def all_evidence(analysis: Analysis) -> list[Evidence]:
    found: list[Evidence] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if {"field", "start", "end", "quote", "rule"} <= value.keys():
                found.append(msgspec.convert(value, Evidence))
            else:
                for entry in value.values():
                    walk(entry)
        elif isinstance(value, list):
            for entry in value:
                walk(entry)

    walk(msgspec.to_builtins(analysis))
    return found


def check_quotes(item: RawItem, analysis: Analysis) -> int:
    evidence = all_evidence(analysis)
    for entry in evidence:
        text = getattr(item, entry.field)
        assert 0 <= entry.start < entry.end <= len(text)
        assert text[entry.start : entry.end] == entry.quote
    return len(evidence)


REPORT = (
    "Chinese hackers known as APT41 attacked a hospital in Osaka with PlugX. They used spearphishing attachments (T1566.001) and CVE-2031-1234; "
    "the server evil[.]example[.]top and hxxps://c2.evil-host.ru/a were contacted. Operators should patch at once."
)


def test_every_part_is_filled_and_quotes_match(reader: Reader) -> None:
    item = RawItem(title="APT41 in Japan", body=REPORT)
    analysis = reader.read(item)
    assert check_quotes(item, analysis) > 8
    assert analysis.language == "en"
    assert tuple(analysis.analysed) == ANALYSED_ALL
    assert [attacker.country for attacker in analysis.attackers] == ["CN"]
    actor = analysis.attackers[0].actors[0]
    assert (actor.name, actor.attack_id) == ("APT41", "G0096")
    assert [target.code for target in analysis.targets.countries] == ["JP"]
    assert "healthcare" in {sector.id for sector in analysis.targets.sectors}
    assert [found.id for found in analysis.vulnerabilities] == ["CVE-2031-1234"]
    assert ("T1566.001", True) in {(technique.id, technique.explicit) for technique in analysis.techniques}
    assert "PlugX" in {malware.name for malware in analysis.malware}
    assert {(found.type, found.value) for found in analysis.indicators} == {
        ("domain-name", "evil.example.top"),
        ("url", "https://c2.evil-host.ru/a"),
    }
    assert analysis.summary.mitigations == ["Operators should patch at once."]
    assert analysis.summary.activity


def test_html_offsets_are_the_originals(reader: Reader) -> None:
    item = RawItem(
        body="<p>The <b>Chinese</b> hackers &amp; spies of <i>APT28</i> hit <a href='https://x.ru/china'>Norway</a>.</p><script>Iranian hackers attacked Spain</script>",
        content_type="text/html",
    )
    analysis = reader.read(item)
    assert check_quotes(item, analysis)
    assert {attacker.country for attacker in analysis.attackers} == {"CN", "RU"}
    assert {target.code for target in analysis.targets.countries} == {"NO"}


def test_markdown_is_read_without_its_marks(reader: Reader) -> None:
    item = RawItem(body="# Report\n\n* **Chinese** hackers attacked *Norway*.", content_type="text/markdown")
    analysis = reader.read(item)
    assert check_quotes(item, analysis)
    assert [attacker.country for attacker in analysis.attackers] == ["CN"]


def test_other_languages_claim_no_roles(reader: Reader) -> None:
    item = RawItem(
        body="Les pirates chinois ont attaqué la Norvège avec PlugX; APT28 est cité. CVE-2031-1234", language="fr"
    )
    analysis = reader.read(item)
    assert analysis.language == "fr"
    assert not analysis.attackers
    assert not analysis.targets.countries
    assert "attackers" not in analysis.analysed
    assert "malware" in analysis.analysed
    assert [actor.name for actor in analysis.mentions.actors] == ["APT28"]
    assert analysis.vulnerabilities


def test_language_is_detected(reader: Reader) -> None:
    assert reader.read(RawItem(body="中国のハッカーが攻撃した。これは重大である。")).language == "ja"
    assert reader.read(RawItem(body="The hackers attacked the ministry in the capital and left.")).language == "en"


def test_no_text_is_no_error(reader: Reader) -> None:
    assert reader.read(RawItem()).attackers == []


def test_primary_is_one(reader: Reader) -> None:
    analysis = reader.read(
        RawItem(body="Chinese hackers attacked Norway. Chinese spies stole files. Iranian hackers attacked Spain.")
    )
    assert [attacker.rank for attacker in analysis.attackers] == ["primary", "secondary"]
    assert analysis.attackers[0].country == "CN"


def test_denied_country_is_a_mention(reader: Reader) -> None:
    analysis = reader.read(RawItem(body="There is no evidence that China attacked the Danish bank."))
    assert [(mention.code, mention.role) for mention in analysis.mentions.countries] == [("CN", "denied")]


def test_ambiguous_alias_names_all_candidates_and_picks_none(reader: Reader) -> None:
    analysis = reader.read(
        RawItem(
            body="The group Violin Panda and the group APT-C-60 attacked a bank in Spain. Operators of TG-3279 helped."
        )
    )
    matches = [match for attacker in analysis.attackers for match in attacker.actors]
    assert matches
    assert all(match.id is None for match in matches if match.candidates)
    assert all(not match.candidates for match in matches if match.id)


def test_threads_read_alike(reader: Reader) -> None:
    item = RawItem(body=REPORT)
    expected = reader.read(item)
    found: list[bool] = []

    def work() -> None:
        found.extend(reader.read(item) == expected for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 20
