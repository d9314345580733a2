"""Routes: all conditions hold, each is any of these, attacker conditions on one and the same attacker."""

from __future__ import annotations

import pytest

from workers.model import (
    ActorMatch,
    Analysis,
    Attacker,
    Malware,
    Objective,
    RawItem,
    Sector,
    Source,
    TargetCountry,
    Targets,
    Technique,
)
from workers.settings import RouteSettings
from workers.tagger.routing import Router

CN = Attacker(
    country="CN",
    rank="primary",
    kind="state",
    score=0.8,
    stance="asserted",
    actors=[ActorMatch(name="APT1", alias="Comment Crew", score=0.9, id="6a2e693f", attack_id="G0006")],
    objectives=[Objective(id="ip-theft", score=0.9), Objective(id="influence", score=0.2)],
)
KP = Attacker(
    country="KP",
    rank="secondary",
    kind="state",
    score=0.4,
    stance="suspected",
    objectives=[Objective(id="weapons-funding", score=0.9)],
)
ANALYSIS = Analysis(
    attackers=[CN, KP],
    targets=Targets(
        countries=[TargetCountry(code="JP", score=0.9), TargetCountry(code="US", score=0.3)],
        sectors=[Sector(id="technology", score=0.8, sub=["semiconductors"]), Sector(id="defense", score=0.1)],
    ),
    malware=[Malware(name="PlugX", kind="malware")],
    techniques=[Technique(id="T1566.001", name="Spearphishing Attachment", explicit=True)],
)
ITEM = RawItem(title="t", source=Source(name="CSIS"))


@pytest.mark.parametrize(
    ("conditions", "matches"),
    [
        ({}, True),
        ({"attacker_country": ["cn"]}, True),
        ({"attacker_country": ["KP"]}, False),
        ({"attacker_country": ["KP"], "minimum_score": 0.4}, True),
        ({"attacker_country": ["RU", "CN"]}, True),
        ({"actor": ["apt1"]}, True),
        ({"actor": ["comment crew"]}, True),
        ({"actor": ["G0006"]}, True),
        ({"actor": ["6a2e693f"]}, True),
        ({"actor": ["APT28"]}, False),
        ({"objective": ["ip-theft"]}, True),
        ({"objective": ["influence"]}, False),
        ({"attacker_country": ["CN"], "objective": ["weapons-funding"], "minimum_score": 0.1}, False),
        ({"attacker_country": ["KP"], "objective": ["weapons-funding"], "minimum_score": 0.1}, True),
        ({"target_country": ["JP"]}, True),
        ({"target_country": ["US"]}, False),
        ({"sector": ["semiconductors"]}, True),
        ({"sector": ["defense"]}, False),
        ({"technique": ["T1566"]}, True),
        ({"technique": ["T1566.001"]}, True),
        ({"technique": ["T1059"]}, False),
        ({"malware": ["plugx"]}, True),
        ({"source": ["csis"]}, True),
        ({"source": ["other"]}, False),
        ({"minimum_score": 0.8}, True),
        ({"minimum_score": 0.81}, False),
        ({"attacker_country": ["CN"], "target_country": ["JP"], "source": ["CSIS"]}, True),
        ({"attacker_country": ["CN"], "target_country": ["DE"]}, False),
    ],
)
def test_a_route_matches_where_all_its_conditions_hold(conditions: dict[str, object], matches: bool) -> None:
    route = RouteSettings(name="r", **conditions)  # type: ignore[arg-type]
    router = Router([route], output="out", minimum_score=0.5)
    assert bool(router.routes_for(ANALYSIS, ITEM)) is matches


def test_nothing_read_means_no_route_but_those_on_the_source() -> None:
    routes = [
        RouteSettings(name="a", attacker_country=["CN"]),
        RouteSettings(name="t", target_country=["JP"]),
        RouteSettings(name="s", source=["CSIS"]),
    ]
    found = Router(routes, output="out", minimum_score=0.5).routes_for(Analysis(), ITEM)
    assert [route.name for route in found] == ["s"]


def test_routes_come_in_the_order_of_the_settings_and_name_their_topics() -> None:
    routes = [
        RouteSettings(name="japan", target_country=["JP"]),
        RouteSettings(name="cn", attacker_country=["CN"]),
        RouteSettings(name="all", topic="elsewhere"),
    ]
    router = Router(routes, output="out", minimum_score=0.5)
    assert [route.name for route in router.routes_for(ANALYSIS, ITEM)] == ["japan", "cn", "all"]
    assert router.topics == ("out.japan", "out.cn", "elsewhere")
