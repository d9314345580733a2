"""Laws of the fold, on reports at random: repeats, restarts, one new-story alert a story, bounded state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.reports import HOUR, NOW, attacker, lead, report, rules, text
from workers.alerter.digest import Digest, digest
from workers.alerter.folding import FoldResult, fold
from workers.alerter.replay import replay
from workers.alerter.shard import ShardState, restore_shards, shard_of
from workers.alerter.story import MOST_EVENTS, MOST_MEMBERS, Story
from workers.model import TaggedEvent

SHARD = "watch:cn"
RULES = rules(surge={"enabled": True, "learning_h": 0, "minimum_count": 3}, rate={"per_hour": 4})
EVENTS = st.builds(
    lambda number, hours, actor, target, sector, cve, body, house, score: report(
        number,
        NOW + hours * HOUR,
        attackers=[attacker("CN", *actor, score=score)],
        targets=target,
        sectors=sector,
        cves=cve,
        body=text(body, 40),
        source=f"House {house}",
    ),
    st.integers(0, 30),
    st.integers(0, 900),
    st.sampled_from([(), ("APT1",), ("APT10",)]),
    st.sampled_from(["", "JP", "US JP"]),
    st.sampled_from(["", "energy"]),
    st.sampled_from(["", "CVE-2026-1"]),
    st.integers(0, 8),
    st.integers(0, 4),
    st.sampled_from([0.5, 0.9]),
)
STREAM = st.lists(EVENTS, max_size=14)
LAW = settings(deadline=None, max_examples=40)


def parts_of(events: Sequence[TaggedEvent]) -> list[Digest]:
    return [part for event in events for part in digest(event, RULES)]


def run(parts: Sequence[Digest]) -> tuple[list[FoldResult], dict[str, ShardState]]:
    shards: dict[str, ShardState] = {}
    return [fold(shards.setdefault(p.shard, ShardState(p.shard)), p, RULES) for p in parts], shards


def comparable(results: Sequence[FoldResult]) -> list[tuple[object, ...]]:
    """Which rows go is the same; in which order, where several end at once, is not promised."""
    return [(one.outcome, one.story_id, one.alerts, one.suppressed, set(one.rows)) for one in results]


@given(STREAM)
@LAW
def test_repeats_raise_nothing_and_change_nothing(events: list[TaggedEvent]) -> None:
    """Each digest twice in a row, as a batch that is read again gives them, is each digest once."""
    parts = parts_of(events)
    once, _ = run(parts)
    twice, _ = run([part for part in parts for _ in range(2)])
    assert comparable(twice[::2]) == comparable(once)
    assert all(not result.alerts and not result.suppressed for result in twice[1::2])


@given(STREAM, st.integers(0, 40))
@LAW
def test_a_restart_from_the_stored_rows_changes_nothing(events: list[TaggedEvent], stop: int) -> None:
    parts = parts_of(events)
    whole, _ = run(parts)
    before, _ = run(parts[:stop])
    rows: dict[str, bytes] = {}
    for row in (row for result in before for row in result.rows):
        if row.value is None:
            rows.pop(row.key, None)
        else:
            rows[row.key] = row.value
    shards = dict(restore_shards(reversed(rows.items())))
    after = [fold(shards.setdefault(p.shard, ShardState(p.shard)), p, RULES) for p in parts[stop:]]
    assert comparable(after) == comparable(whole[stop:])


@given(STREAM)
@LAW
def test_a_story_has_one_new_story_alert_and_two_alerts_at_most(events: list[TaggedEvent]) -> None:
    alerts = [a for result in replay(events, RULES) for a in result.alerts if a.reason != "surge"]
    assert max(Counter(alert.story.id for alert in alerts).values(), default=0) <= 2
    assert max(Counter(a.story.id for a in alerts if a.reason == "new-story").values(), default=0) <= 1
    assert len({alert.id for alert in alerts}) == len(alerts)
    first: dict[str, str] = {}
    for alert in alerts:
        first.setdefault(alert.story.id, alert.reason)
    assert set(first.values()) <= {"new-story"}


@given(STREAM)
@LAW
def test_each_report_is_told_or_held_back_or_known(events: list[TaggedEvent]) -> None:
    results, _ = run([lead(event, RULES) for event in events])
    for result in results:
        assert len(result.alerts) + len(result.suppressed) == (result.outcome not in {"repeat", "late"})


@given(STREAM)
@LAW
def test_nothing_is_kept_behind_the_window(events: list[TaggedEvent]) -> None:
    _, shards = run(parts_of(events))
    for state in shards.values():
        last = report(999, state.meter.clock + 400 * HOUR)
        part = next(iter(parts_of([last])))
        fold(state, replace(part, shard=state.shard), RULES)
        assert len(state.stories) == 1
        assert len(state.by_event) == 1
        assert len(state.by_address) == 2
        assert len(state.texts) <= 20
        assert len(state.meter.alerts) <= 1


def only(state: ShardState) -> Story:
    (story,) = state.stories.values()
    return story


def test_one_story_with_a_thousand_reports_stays_small() -> None:
    state = ShardState(SHARD)
    sizes = []
    for number in range(1000):
        event = report(number, NOW + number, url="https://example.com/live", source=f"House {number}")
        sizes.append(sum(len(row.value or b"") for row in fold(state, lead(event, RULES), RULES).rows))
    story = only(state)
    assert (story.items, len(story.events), len(story.members)) == (1000, MOST_EVENTS, MOST_MEMBERS)
    assert len(state.by_event) == MOST_EVENTS
    assert max(sizes) < 40_000


def test_rows_name_their_shard() -> None:
    for result in replay([report(1, attackers=[attacker("CN")], sectors="energy")], RULES):
        assert {shard_of(row.key) for row in result.rows} <= {SHARD, "surge:attacker:CN", "surge:sector:energy"}
        assert result.rows
