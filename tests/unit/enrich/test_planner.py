from __future__ import annotations

import pytest

from tests.support.lookups import ScriptedProvider, lookup_settings, request_for, row_for, statuses
from workers.enrich.planner import LookupRequest, Planner
from workers.enrich.rows import cache_key, configuration_version, may_ask
from workers.model import Analysis, Indicator, Lookup, RawItem, Source, Technique, Tlp

CVE, KEV, ACTOR = ScriptedProvider({}, "epss"), ScriptedProvider({}, "kev"), ScriptedProvider({}, "knowledge")


def planner() -> Planner:
    return Planner([row_for(CVE), row_for(ACTOR, kind="actor", internal=True, tlp_ceiling="RED"), row_for(KEV)])


def test_every_question_stands_once_under_every_row_of_its_kind() -> None:
    plan = planner().plan(request_for("CVE-1", "CVE-2", "CVE-1", actors=["a", None, "a", "b"]))
    assert sorted(step for step in plan if isinstance(step, tuple)) == [
        (0, "CVE-1"),
        (0, "CVE-2"),
        (1, "a"),
        (1, "b"),
        (2, "CVE-1"),
        (2, "CVE-2"),
    ]
    assert len(plan) == 6


def test_no_names_no_questions() -> None:
    assert planner().plan(request_for()) == []


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(KeyError):
        Planner([row_for(CVE, kind="weather")])


@pytest.mark.parametrize("tlp", [None, Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED])
def test_what_the_marking_forbids_is_withheld(tlp: Tlp | None) -> None:
    plan = planner().plan(request_for("CVE-1", actors=["a"], tlp=tlp))
    withheld = [step for step in plan if isinstance(step, Lookup)]
    assert statuses(withheld) == [("CVE-1", "withheld")] * 2
    assert {step.source for step in withheld} == {"epss", "kev"}
    assert [step for step in plan if isinstance(step, tuple)] == [(1, "a")]


ORDER = [Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED]


@pytest.mark.parametrize("ceiling", ORDER)
@pytest.mark.parametrize("tlp", ORDER)
@pytest.mark.parametrize("internal", [True, False])
def test_the_ceiling_holds_for_everyone(ceiling: Tlp, tlp: Tlp, internal: bool) -> None:
    settings = lookup_settings(tlp_ceiling=ceiling.value, internal=internal)
    assert may_ask(settings, tlp) is (ORDER.index(tlp) <= ORDER.index(ceiling))


def test_an_unknown_marking_is_for_the_house_alone() -> None:
    assert may_ask(lookup_settings(internal=True, tlp_ceiling="CLEAR"), None)
    assert not may_ask(lookup_settings(internal=False, tlp_ceiling="RED"), None)


def test_another_configuration_is_another_key() -> None:
    one, other = row_for(CVE), row_for(CVE, soft_ttl_s=101)
    assert configuration_version(one.settings) == configuration_version(lookup_settings(provider="epss"))
    assert cache_key(one, "CVE-1") != cache_key(other, "CVE-1")
    assert cache_key(one, "CVE-1") != cache_key(row_for(KEV), "CVE-1")
    assert cache_key(one, "CVE-1").startswith("test:lookup:1:cve:epss:")


def test_a_text_cannot_choose_a_keys_size() -> None:
    row = row_for(CVE)
    assert len(cache_key(row, "x" * 100_000)) < 200
    assert cache_key(row, "x" * 100_000) != cache_key(row, "x" * 100_001)
    assert cache_key(row, "\ud800" * 300) != cache_key(row, "\ud801" * 300)


def keys(kind: str, request: LookupRequest, types: tuple[str, ...] = ()) -> list[str]:
    row = row_for(KEV, kind=kind, types=types, internal=True, tlp_ceiling="RED")
    return [step[1] for step in Planner([row]).plan(request) if isinstance(step, tuple)]


def about(item: RawItem | None = None, **analysis: list[Indicator] | list[Technique]) -> LookupRequest:
    return LookupRequest(analysis=Analysis(**analysis), item=item or RawItem(title="t"), tlp=None)  # type: ignore[arg-type]


INDICATORS = [
    Indicator(type=kind, value=value, as_written=value)
    for kind, value in (
        ("domain-name", "evil.example"),
        ("ipv4-addr", "192.0.2.1"),
        ("ipv6-addr", "2001:db8::1"),
        ("file-hash-md5", "0" * 32),
        ("domain-name", "evil.example"),
    )
]


def test_indicators_are_asked_about_by_type() -> None:
    request = about(indicators=INDICATORS)
    assert keys("indicator", request, ("domain-name",)) == ["evil.example"]
    assert keys("indicator", request, ("ipv4-addr", "file-hash-md5")) == ["192.0.2.1", "0" * 32]
    assert keys("asn", request) == ["192.0.2.1", "2001:db8::1"]
    assert keys("asn", request, ("ipv6-addr",)) == ["2001:db8::1"]


def test_rows_of_other_types_are_apart() -> None:
    rows = [row_for(KEV, kind="indicator", types=(kind,), internal=True) for kind in ("domain-name", "ipv4-addr")]
    assert Planner(rows).plan(about(indicators=INDICATORS)) == [(0, "evil.example"), (1, "192.0.2.1")]


def test_techniques_are_asked_about_by_number() -> None:
    technique = Technique(id="T1566.001", name="x", explicit=True)
    assert keys("technique", about(techniques=[technique, technique])) == ["T1566.001"]


@pytest.mark.parametrize(
    ("source", "url", "domain"),
    [
        ("https://www.CISA.gov/x", "https://copy.example/1", ["cisa.gov"]),
        (None, "https://copy.example./1", ["copy.example"]),
        (None, "http://user:pw@copy.example:8080/", ["copy.example"]),
        (None, None, []),
        (None, "no address", []),
        (None, "http://[broken", []),
    ],
)
def test_a_source_is_known_by_its_domain(source: str | None, url: str | None, domain: list[str]) -> None:
    item = RawItem(title="t", url=url, source=None if source is None else Source(name="s", url=source))
    assert keys("source", about(item)) == domain


def test_a_catalogue_may_be_asked_about_what_nobody_marked() -> None:
    assert may_ask(lookup_settings(catalogue=True, tlp_ceiling="RED"), None)
    assert not may_ask(lookup_settings(catalogue=True, tlp_ceiling="GREEN"), Tlp.RED)
