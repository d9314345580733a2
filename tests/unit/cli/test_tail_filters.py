"""Which events `tail` shows."""

from __future__ import annotations

from tests.support.cli_events import attacker, event
from workers.cli.tail import Wanted


def test_without_conditions_everything_is_shown() -> None:
    assert Wanted().takes(event())
    assert not Wanted().has_conditions()


def test_country_is_that_of_an_attacker_not_of_a_target() -> None:
    wanted = Wanted(countries=frozenset({"CN"}))
    assert wanted.takes(event(attacker("CN")))
    assert not wanted.takes(event(attacker("KP"), targets=("CN",)))
    assert wanted.has_conditions()


def test_the_score_must_be_that_of_the_country_asked_for() -> None:
    wanted = Wanted(countries=frozenset({"CN"}), min_score=0.8)
    assert not wanted.takes(event(attacker("CN", 0.5), attacker("KP", 0.9, rank="secondary")))
    assert wanted.takes(event(attacker("CN", 0.8)))


def test_a_score_alone_asks_for_any_attacker() -> None:
    wanted = Wanted(min_score=0.7)
    assert wanted.takes(event(attacker(None, 0.7)))
    assert not wanted.takes(event())


def test_targets_and_sectors_must_both_hold() -> None:
    wanted = Wanted(targets=frozenset({"JP"}), sectors=frozenset({"energy", "water"}))
    assert wanted.takes(event(targets=("US", "JP"), sectors=("energy",)))
    assert not wanted.takes(event(targets=("JP",), sectors=("technology",)))
    assert not wanted.takes(event(targets=("US",), sectors=("energy",)))
