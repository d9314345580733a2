"""What holds an alert back, each with its cause; and how severe an alert is."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest
from msgspec.structs import replace

from tests.support.reports import HOUR, NOW, SETTINGS, attacker, lead, report, rules
from tests.unit.alerter.test_folding import causes, folded, reasons
from workers.alerter.severity import severity_of
from workers.alerter.suppression import is_quiet
from workers.model import Objective, TaggedEvent
from workers.settings.alerts import QuietSettings

DAY = 24 * HOUR


def test_unsure_tags_raise_nothing_until_a_surer_report_comes() -> None:
    unsure = report(1, attackers=[attacker("CN", score=0.55)], cves="CVE-2026-1")
    sure = report(2, NOW + 1, cves="CVE-2026-1")
    results = folded([unsure, sure])
    assert causes(results) == ["below-score"]
    assert reasons(results) == ["new-story"]


def test_old_news_is_not_new() -> None:
    results = folded([report(1, published=NOW - 30 * DAY)])
    assert (reasons(results), causes(results)) == ([], ["old-news"])
    assert results[0].outcome == "opened"


def test_a_fresh_report_of_an_old_story_is_told() -> None:
    old = report(1, cves="CVE-2026-1", published=NOW - 30 * DAY)
    results = folded([old, report(2, NOW + 1, cves="CVE-2026-1", published=NOW)])
    assert (causes(results), reasons(results)) == (["old-news"], ["new-story"])


def test_no_more_than_so_many_an_hour_and_a_day() -> None:
    chosen = rules(rate={"per_hour": 3, "per_day": 5})
    events = [report(n, NOW + n) for n in range(5)] + [report(10 + n, NOW + 2 * HOUR + n) for n in range(4)]
    results = folded(events, chosen)
    assert len(reasons(results)) == 5
    assert causes(results) == ["rate"] * 4
    assert reasons(folded([*events, report(99, NOW + 25 * HOUR)], chosen))[5:] == ["new-story"]


def test_a_story_that_was_held_back_is_told_by_its_next_report() -> None:
    chosen = rules(rate={"per_hour": 1})
    events = [report(1), report(2, NOW + 1, cves="CVE-2026-1"), report(3, NOW + 2 * HOUR, cves="CVE-2026-1")]
    results = folded(events, chosen)
    assert causes(results) == ["rate"]
    assert reasons(results) == ["new-story", "new-story"]
    assert results[2].alerts[0].story.items == 2


def test_a_gap_between_the_alerts_of_a_story() -> None:
    chosen = rules(rate={"story_gap_h": 2.0})
    events = [report(n, NOW + n * HOUR, cves="CVE-2026-1") for n in range(4)]
    results = folded(events, chosen)
    assert reasons(results) == ["new-story", "corroborated"]
    assert causes(results) == ["story-rate", "story-rate"]


NIGHT = QuietSettings(
    enabled=True,
    time_zone="Asia/Tokyo",
    start=time(22),
    end=time(7),
    days=["fri"],
    severity="high",
)


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [
        ("2026-05-01T12:59:00", False),  # Friday 21:59 in Tokyo
        ("2026-05-01T13:00:00", True),
        ("2026-05-01T21:59:00", True),  # Saturday 06:59, of Friday's night
        ("2026-05-01T22:00:00", False),
        ("2026-05-02T13:00:00", False),  # Saturday 22:00: not among the days
    ],
)
def test_quiet_hours_pass_midnight_with_the_day_they_began(moment: str, *, quiet: bool) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    assert is_quiet(now, "medium", NIGHT) is quiet
    assert not is_quiet(now, "high", NIGHT)


def test_quiet_hours_within_a_day() -> None:
    noon = QuietSettings(enabled=True, time_zone="UTC", start=time(12), end=time(13), days=["fri"], severity="critical")
    friday = datetime(2026, 5, 1, 12, 30, tzinfo=UTC).timestamp()
    assert is_quiet(friday, "high", noon)
    assert not is_quiet(friday + HOUR, "high", noon)
    assert not is_quiet(friday + DAY, "high", noon)


def test_quiet_hours_hold_back_and_the_next_report_tells() -> None:
    hours = {"enabled": True, "time_zone": "UTC", "start": time(22), "end": time(7), "severity": "critical"}
    night = datetime(2026, 5, 1, 23, tzinfo=UTC).timestamp()
    events = [report(1, night, cves="CVE-2026-1"), report(2, night + 9 * HOUR, cves="CVE-2026-1")]
    results = folded(events, rules(quiet_hours=hours))
    assert (causes(results), reasons(results)) == (["quiet-hours"], ["new-story"])


def aimed(objective: str, score: float = 0.9) -> TaggedEvent:
    one = attacker("CN", score=score)
    objectives = [Objective(id=objective, score=score)]  # type: ignore[arg-type]
    return report(1, attackers=[replace(one, objectives=objectives)])


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (aimed("destruction"), "critical"),
        (aimed("destruction", 0.7), "medium"),
        (report(1, targets="JP"), "high"),
        (report(1, sectors="energy"), "high"),
        (report(1, sectors="media"), "medium"),
        (report(1, attackers=[attacker("CN", stance="suspected")], sectors="energy"), "low"),
    ],
)
def test_the_first_row_that_holds_gives_the_severity(event: TaggedEvent, level: str) -> None:
    assert severity_of(lead(event, rules()), "new-story", "cn", SETTINGS.severity) == level
