"""The checker catches workers that are broken on purpose, passes a sound one, and its judgement agrees with its words."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.chaos.checker import Item, Seen, judge
from tests.chaos.rig import ROOT, Rig

ITEMS = [Item(partition, number) for partition in range(2) for number in range(5)]
OUT = [Seen("out", 0, at, item) for at, item in enumerate(ITEMS)]


def test_a_complete_ordered_output_is_clean() -> None:
    assert judge(ITEMS, OUT, dead_letter="dead").is_clean


def test_a_missing_item_is_lost() -> None:
    assert judge(ITEMS, OUT[:-1], dead_letter="dead").lost == [ITEMS[-1]]


def test_an_item_twice_is_doubled_wherever_it_is() -> None:
    again = Seen("other", 3, 0, ITEMS[0])
    assert judge(ITEMS, [*OUT, again], dead_letter="dead").doubled == [ITEMS[0]]


def test_an_item_before_an_earlier_one_of_its_partition_is_misordered() -> None:
    swapped = [OUT[1], OUT[0], *OUT[2:]]
    assert judge(ITEMS, swapped, dead_letter="dead").misordered == [OUT[0]]


def test_items_of_different_partitions_may_interleave() -> None:
    mixed = [one for pair in zip(OUT[:5], OUT[5:], strict=True) for one in pair]
    assert judge(ITEMS, mixed, dead_letter="dead").is_clean


def test_a_dead_letter_for_a_good_item_is_misplaced() -> None:
    moved = [Seen("dead", 0, 0, ITEMS[0]), *OUT[1:]]
    assert judge(ITEMS, moved, dead_letter="dead").misplaced == [moved[0]]


def test_an_item_that_nobody_produced_is_misplaced() -> None:
    assert judge(ITEMS[:-1], OUT, dead_letter="dead").misplaced == [OUT[-1]]


@pytest.mark.chaos
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("mode", "fault"),
    [
        ("sound", None),
        ("commit-before-send", "lost"),
        ("drop-one-in-a-thousand", "lost"),
        ("send-twice", "doubled"),
        ("shuffle", "misordered"),
    ],
)
@pytest.mark.parametrize("breakable_broker", ["embedded"], indirect=True)
def test_a_broken_worker_is_caught(rig: Rig, mode: str, fault: str | None) -> None:
    rig.feed(3_000)
    for one in dict.fromkeys((mode, "sound")):
        _run(rig, one)
    verdict = rig.verdict()
    print(f"{mode}: {verdict}")
    if fault is None:
        assert verdict.is_clean
    else:
        assert getattr(verdict, fault), f"the checker did not notice {mode}: {verdict}"


def _run(rig: Rig, mode: str) -> None:
    command = [sys.executable, "-m", "tests.chaos.broken_worker", mode, str(rig.config)]
    done = subprocess.run(command, cwd=ROOT, env=rig.environment(), capture_output=True, timeout=60, check=False)
    assert done.returncode in {0, 9}, done.stderr.decode()
