"""What the demo says at its end, and that it would notice a loss."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.cli_events import attacker, event
from workers.cli.dead_letters import letters_of
from workers.cli.demo_report import DemoFacts
from workers.formats.dead_letter import dead_letter
from workers.model import Partition, Record


def letter() -> Record:
    broken = Record(partition=Partition("raw", 0), offset=4, timestamp_ms=1, key=None, value=b"{")
    out = dead_letter(broken, "dead", code="not-json", detail="cut off", worker="1")
    return Record(
        partition=Partition("dead", 0), offset=0, timestamp_ms=1, key=None, value=out.value, headers=out.headers
    )


FACTS = DemoFacts(
    fed=4,
    seconds=1.26,
    outcomes={"tagged": 2, "dead_lettered": 1, "filtered": 1},
    events=[event(attacker("CN", 0.9, "APT10"), targets=("JP",)), event(title="second")],
    alerts=(),
    letters=letters_of([letter()]),
    metrics_url="http://127.0.0.1:1/metrics",
    metrics={"shirase_x_total": 4.0},
)


def test_all_is_accounted_for() -> None:
    assert FACTS.adds_up()


@pytest.mark.parametrize(
    "lossy",
    [
        replace(FACTS, fed=5),
        replace(FACTS, events=FACTS.events[:1]),
        replace(FACTS, letters=[]),
        replace(FACTS, outcomes={"tagged": 2, "dead_lettered": 1, "filtered": 0}),
    ],
)
def test_a_loss_is_noticed_and_said(lossy: DemoFacts, capsys: pytest.CaptureFixture[str]) -> None:
    assert not lossy.adds_up()
    lossy.show()
    assert "THIS DOES NOT ADD UP" in capsys.readouterr().out


def test_for_a_person_every_part_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    FACTS.show()
    out = capsys.readouterr().out
    for part in (
        "CN (APT10)\tJP\t-\t0.90\tA title\t«blames CN»",
        "raw-0-4\tnot-json\tcut off",
        "shirase_x_total\t4",
        "# Some metrics, from http://127.0.0.1:1/metrics",
        "4 consumed = 2 tagged + 1 dead-lettered + 1 filtered: nothing lost. 1.3 s.",
    ):
        assert part in out


def test_for_a_program_it_is_one_object() -> None:
    plain = FACTS.plain()
    assert (plain["fed"], plain["tagged"], plain["adds_up"]) == (4, 2, True)
    assert plain["events"][0]["attacker"] == "CN (APT10)"
    assert plain["dead_letters"] == [{"id": "raw-0-4", "code": "not-json", "detail": "cut off"}]
