"""Stage two: which reports make one story, and which alerts a story raises."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.reports import HOUR, NOW, attacker, lead, report, rules, text
from workers.alerter.digest import digest
from workers.alerter.folding import FoldResult, fold
from workers.alerter.rules import AlertRules
from workers.alerter.shard import ShardState
from workers.model import TaggedEvent, Tlp

DAY = 24 * HOUR
RULES = rules()


def folded(events: Sequence[TaggedEvent], chosen: AlertRules = RULES) -> list[FoldResult]:
    """The leading digests of `events`, folded in order."""
    shards: dict[str, ShardState] = {}
    parts = [lead(event, chosen) for event in events]
    return [fold(shards.setdefault(part.shard, ShardState(part.shard)), part, chosen) for part in parts]


def reasons(results: Sequence[FoldResult]) -> list[str]:
    return [alert.reason for result in results for alert in result.alerts]


def causes(results: Sequence[FoldResult]) -> list[str]:
    return [held.cause for result in results for held in result.suppressed]


def stories(results: Sequence[FoldResult]) -> int:
    return len({result.story_id for result in results})


KP = attacker("KP", "Lazarus Group")


# --- one story


def test_five_outlets_that_copy_one_report_give_one_alert() -> None:
    body = text(1, 200)
    events = [report(number, NOW + number, body=f"By outlet {number}. {body}") for number in range(5)]
    results = folded(events)
    assert stories(results) == 1
    assert reasons(results) == ["new-story"]
    assert causes(results) == ["duplicate"] * 4
    assert [result.outcome for result in results] == ["opened", "copy", "copy", "copy", "copy"]


def test_the_same_page_is_the_same_story_whatever_it_says_now() -> None:
    events = [report(n, NOW + n, url="https://example.com/a?utm_source=" + str(n)) for n in range(2)]
    assert stories(folded(events)) == 1


def test_english_and_japanese_reports_meet_by_their_tags() -> None:
    english = report(1, attackers=[KP], targets="JP", sectors="financial-services")
    japanese = report(2, NOW + HOUR, attackers=[KP], targets="JP", sectors="financial-services", language="ja")
    results = folded([english, japanese])
    assert stories(results) == 1
    assert reasons(results) == ["new-story", "corroborated"]


def test_the_same_vulnerability_is_enough() -> None:
    results = folded([report(1, cves="CVE-2026-1"), report(2, NOW + HOUR, cves="CVE-2026-1", sectors="energy")])
    assert stories(results) == 1


def test_a_shared_actor_alone_is_not() -> None:
    chosen = [report(1, attackers=[KP], targets="JP"), report(2, NOW + HOUR, attackers=[KP], sectors="energy")]
    assert stories(folded(chosen)) == 2


def test_other_targets_or_actors_are_other_events() -> None:
    first = report(1, attackers=[KP], targets="JP", sectors="energy", malware="A")
    elsewhere = report(2, NOW + 1, attackers=[KP], targets="US", sectors="energy", malware="A")
    others = report(3, NOW + 2, attackers=[attacker("KP", "Kimsuky")], targets="JP", sectors="energy", malware="A")
    assert stories(folded([first, elsewhere, others])) == 3


def test_tags_tie_within_their_window_only() -> None:
    first = report(1, attackers=[KP], targets="JP", sectors="energy")
    later = report(2, NOW + 73 * HOUR, attackers=[KP], targets="JP", sectors="energy")
    assert stories(folded([first, later])) == 2


@pytest.mark.parametrize(("apart", "count"), [(73 * HOUR, 2), (71 * HOUR, 1)])
def test_what_was_published_long_apart_is_not_tied_by_tags_though_read_together(apart: float, count: int) -> None:
    old = report(1, attackers=[KP], targets="JP", sectors="energy", published=NOW - apart)
    new = report(2, NOW + 60, attackers=[KP], targets="JP", sectors="energy", published=NOW)
    assert stories(folded([old, new])) == count


def test_what_everybody_is_tagged_with_ties_nobody() -> None:
    many = [
        report(n, NOW + n, attackers=[KP], targets=code) for n, code in enumerate(["JP", "US", "KR", "DE", "FR", "GB"])
    ]
    more = [report(50 + n, NOW + 50 + n, attackers=[KP], malware="A", organisations=f"O{n}") for n in range(12)]
    last = report(99, NOW + 99, attackers=[KP], targets="JP", sectors="energy")
    assert stories(folded([*many, *more, last])) > 10


def test_a_story_ends() -> None:
    body = text(1, 100)
    events = [report(1, NOW, body=body), report(2, NOW + 15 * DAY, body=body)]
    results = folded(events)
    assert reasons(results) == ["new-story", "new-story"]
    assert [row.value is None for row in results[1].rows].count(True) == 1


def test_a_story_does_not_go_on_for_ever() -> None:
    body = text(1, 100)
    events = [report(n, NOW + n * 7 * DAY, body=body) for n in range(6)]
    assert reasons(folded(events)) == ["new-story", "new-story"]


# --- reasons


def test_another_house_confirms_once() -> None:
    events = [report(n, NOW + n, cves="CVE-2026-1") for n in range(4)]
    results = folded(events)
    assert reasons(results) == ["new-story", "corroborated"]
    assert causes(results) == ["story-rate", "story-rate"]
    (confirmed,) = results[1].alerts
    assert (confirmed.story.items, confirmed.story.sources, confirmed.story.title) == (2, 2, "Title 0")
    assert confirmed.event_id == "event-1"


def test_the_same_house_does_not_confirm() -> None:
    events = [report(n, NOW + n, cves="CVE-2026-1", source="House") for n in range(2)]
    assert reasons(folded(events)) == ["new-story"]


def test_outlets_of_a_listed_house_do_not_confirm_one_another() -> None:
    events = [
        report(1, cves="CVE-2026-1", source="WIRED"),
        report(2, NOW + 1, cves="CVE-2026-1", source="Ars Technica"),
    ]
    assert reasons(folded(events)) == ["new-story"]


def test_what_is_new_escalates() -> None:
    suspected = attacker("CN", stance="suspected")
    first = report(1, attackers=[suspected], cves="CVE-2026-1", source="House")
    more = report(2, NOW + 1, cves="CVE-2026-1", sectors="energy", targets="JP", source="House")
    results = folded([first, more])
    assert reasons(results) == ["new-story", "escalated"]
    assert results[1].alerts[0].changes == ["asserted:CN", "target:JP", "sector:energy"]


def test_a_copy_with_other_tags_does_not_escalate() -> None:
    body = text(1, 200)
    events = [report(1, body=body), report(2, NOW + 1, body=body + " More.", sectors="energy", source="Outlet 1")]
    assert reasons(folded(events)) == ["new-story"]


def test_the_page_that_was_rewritten_escalates_but_does_not_confirm() -> None:
    events = [
        report(1, url="https://example.com/a"),
        report(2, NOW + 1, url="https://example.com/a", sectors="energy", source="Another"),
    ]
    assert reasons(folded(events)) == ["new-story", "escalated"]


def test_a_story_told_in_another_row_is_not_told_again() -> None:
    chosen, state = rules(), ShardState("watch:kp")
    both = report(1, attackers=[attacker("CN"), attacker("KP")])
    (follow,) = [part for part in digest(both, chosen) if part.shard == "watch:kp"]
    assert fold(state, follow, chosen).alerts == ()
    copy = report(2, NOW + 1, attackers=[attacker("KP")], body=text(1))
    result = fold(state, lead(copy, chosen), chosen)
    assert (result.outcome, result.alerts) == ("copy", ())
    own = report(3, NOW + 2, attackers=[attacker("KP")])
    assert reasons([fold(state, lead(own, chosen), chosen)]) == ["new-story"]


# --- what the alert says


def test_the_strictest_marking_of_the_story_holds() -> None:
    body = text(1, 100)
    first = report(1, body=body, tlp=Tlp.AMBER, cves="CVE-2026-1")
    second = report(2, NOW + 1, cves="CVE-2026-1", tlp=Tlp.CLEAR)
    assert [r.alerts[0].tlp for r in folded([first, second])] == [Tlp.AMBER, Tlp.AMBER]
    unknown = report(3, NOW + 1, cves="CVE-2026-1", tlp=None)
    assert [r.alerts[0].tlp for r in folded([first, unknown])] == [Tlp.AMBER, None]
    red = report(4, cves="CVE-2026-1", tlp=Tlp.RED)
    assert [r.alerts[0].tlp for r in folded([red, unknown])] == [Tlp.RED, Tlp.RED]


def test_ids_follow_from_the_first_event_the_reason_and_the_row() -> None:
    events = [report(n, NOW + n, cves="CVE-2026-1") for n in range(2)]
    one, other = folded(events), folded(events)
    assert one == other
    ids = [alert.id for result in one for alert in result.alerts]
    assert len(set(ids)) == 2
    assert {alert.story.id for result in one for alert in result.alerts} == {one[0].story_id}


# --- state


def test_the_same_digest_again_changes_nothing() -> None:
    state = ShardState("watch:cn")
    part = lead(report(1), RULES)
    first = fold(state, part, RULES)
    again = fold(state, part, RULES)
    assert (first.outcome, again.outcome) == ("opened", "repeat")
    assert (again.alerts, again.suppressed, again.rows) == ((), (), ())


def test_what_comes_far_too_late_is_left_alone() -> None:
    state = ShardState("watch:cn")
    fold(state, lead(report(1, NOW + 20 * DAY), RULES), RULES)
    assert fold(state, lead(report(2, NOW), RULES), RULES) == FoldResult(outcome="late")


def test_the_number_of_open_stories_is_bounded() -> None:
    chosen = rules(story={"most_open": 5})
    state = ShardState("watch:cn")
    for number in range(20):
        fold(state, lead(report(number, NOW + number), chosen), chosen)
    assert state.open_stories <= 6
    assert {story.title for story in state.stories.values()} >= {"Title 19", "Title 18"}
