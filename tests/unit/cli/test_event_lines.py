"""An event as a person sees it."""

from __future__ import annotations

import msgspec

from tests.support.cli_events import attacker, event
from workers.cli.event_lines import COLUMNS, event_row, plain_line
from workers.model import Summary


def test_a_row_says_who_attacks_whom_and_how_sure_that_is() -> None:
    row = event_row(event(attacker("CN", 0.93, "APT10"), targets=("JP",), sectors=("defense", "technology")))
    assert row == {
        "attacker": "CN (APT10)",
        "target": "JP",
        "sector": "defense, technology",
        "score": "0.93",
        "title": "A title",
        "evidence": "«blames CN»",
    }
    assert tuple(row) == COLUMNS


def test_the_primary_attacker_comes_first_whatever_the_scores() -> None:
    row = event_row(event(attacker("KP", 0.99, rank="secondary"), attacker("CN", 0.5)))
    assert row["attacker"] == "CN, KP"
    assert row["score"] == "0.50"


def test_nothing_found_is_shown_as_nothing() -> None:
    assert plain_line(event()) == "- -> -  -  -  A title  -"


def test_a_group_of_no_known_sponsor_and_a_suspicion_are_told_apart() -> None:
    suspected = msgspec.structs.replace(attacker("CN"), stance="suspected")
    assert event_row(event(suspected, attacker(None, 0.4, "Grey Gulls", rank="secondary")))["attacker"] == (
        "CN?, ? (Grey Gulls)"
    )


def test_the_evidence_of_the_name_stands_in_where_there_is_no_other() -> None:
    named = msgspec.structs.replace(attacker("CN", 0.9, "APT10"), evidence=[])
    assert event_row(event(named))["evidence"] == "«APT10»"


def test_a_title_cannot_steer_the_terminal_and_is_cut() -> None:
    row = event_row(event(title="\x1b[2J\u202eevil\r\n" + "x" * 200))
    assert "\x1b" not in row["title"]
    assert "\u202e" not in row["title"]
    assert len(row["title"]) == 70
    assert row["title"].endswith("…")


def test_without_a_title_its_first_sentence_is_shown_and_else_its_id() -> None:
    untitled = event(title=None)
    assert event_row(untitled)["title"] == "i-1"
    summed_up = msgspec.structs.replace(untitled, summary=Summary(activity=["First.", "Second."]))
    assert event_row(summed_up)["title"] == "First."
