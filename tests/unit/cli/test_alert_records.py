"""What the commands make of the alerts' topics."""

from datetime import UTC, datetime

import msgspec
import pytest

from tests.support.alerts import alert_of, alert_record_of
from workers.cli.alert_lines import alert_row
from workers.cli.alert_records import ack_record, acks_of, choose_alerts, known_alerts, parse_since, pick
from workers.model import Partition, Record
from workers.model.alert import SurgeFigures
from workers.model.alert_ack import AlertAck

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def note(alert_id: str, by: str, at_ms: int, *, taken_back: bool = False) -> Record:
    made = ack_record("acks", AlertAck(alert_id=alert_id, by=by, at="2026-11-25T11:00:00Z"))
    return Record(
        partition=Partition("acks", 0),
        offset=at_ms,
        timestamp_ms=at_ms,
        key=made.key,
        value=None if taken_back else made.value,
    )


def test_the_last_note_counts_and_can_be_taken_back() -> None:
    acks = acks_of(
        [note("a", "second", 2), note("a", "first", 1), note("b", "x", 1), note("b", "x", 2, taken_back=True)]
    )
    assert {key: ack.by for key, ack in acks.items()} == {"a": "second"}


def test_what_is_no_note_is_passed_over() -> None:
    broken = msgspec.structs.replace(note("a", "x", 1), value=b"{")
    assert acks_of([broken]) == {}


def test_alerts_come_in_order_with_cause_and_note() -> None:
    late, early = (
        alert_of(id="late", raised_at="2026-11-25T11:00:00Z"),
        alert_of(id="early", raised_at="2026-11-25T10:00:00Z"),
    )
    records = [alert_record_of(late), alert_record_of(early, ("shirase-suppressed-by", b"rate")), alert_record_of(b"{")]
    known = known_alerts(records, acks_of([note("late", "me", 1)]))
    assert [(one.alert.id, one.cause, one.ack is not None) for one in known] == [
        ("early", "rate", False),
        ("late", None, True),
    ]


def test_alerts_are_chosen_by_time_and_reason() -> None:
    records = [
        alert_record_of(alert_of(id="1", raised_at="2026-11-24T10:00:00Z")),
        alert_record_of(alert_of(id="2", raised_at="2026-11-25T10:00:00Z", reason="surge")),
        alert_record_of(alert_of(id="3", raised_at="2026-11-25T10:00:00Z")),
    ]
    known = known_alerts(records, {})
    assert [one.alert.id for one in choose_alerts(known, None, [])] == ["1", "2", "3"]
    since = parse_since("24h", NOW)
    assert [one.alert.id for one in choose_alerts(known, since, [])] == ["2", "3"]
    assert [one.alert.id for one in choose_alerts(known, since, ["surge"])] == ["2"]


def test_an_alert_is_found_by_how_its_id_begins() -> None:
    known = known_alerts([alert_record_of(alert_of(id=one)) for one in ("abc", "abd", "ab")], {})
    found = [pick(known, wanted) for wanted in ("abc", "ab", "abd", "a", "x")]
    assert [one.alert.id if one else None for one in found] == ["abc", "ab", "abd", None, None]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("90m", datetime(2026, 11, 25, 10, 30, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 18, 12, 0, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T09:00:00+09:00", datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_since_is_a_time_or_a_span(text: str, found: datetime) -> None:
    assert parse_since(text, NOW) == found


@pytest.mark.parametrize("text", ["", "yesterday", "7w", "-3h"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_since(text, NOW)


def test_a_line_names_who_and_how_often() -> None:
    row = alert_row(alert_of())
    assert (row["attackers"], row["targets"], row["reports"]) == ("CN/MirrorFace", "JP", "2 from 2")
    surge = alert_row(alert_of(reason="surge", surge=SurgeFigures(count=9, usual=0.5, window_s=10800)))
    assert surge["reports"] == "9 in 3 h, usual 0.5"
