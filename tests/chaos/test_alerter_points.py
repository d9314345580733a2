"""An alerter that ends at each point where it could harm, and broken alerters that the judge must catch."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.alerter_modes import DIED
from tests.chaos.alerter_rig import AlerterRig
from tests.chaos.rig import Supervised
from workers.embedded.broker import EmbeddedBroker

pytestmark = pytest.mark.chaos

PROGRAM = "tests.chaos.alerter_modes"
EXIT_CRASH = 70


@pytest.fixture
def stage(shared_embedded_broker: EmbeddedBroker, tmp_path: Path) -> Iterator[AlerterRig]:
    seed = int(os.environ.get("CHAOS_SEED", time.time_ns() % 1_000_000))
    print(f"CHAOS_SEED={seed}")
    made = AlerterRig(lambda: shared_embedded_broker.bootstrap, tmp_path, seed=seed)
    yield made
    made.close()


def run_until_it_ends(stage: AlerterRig, mode: str) -> int:
    return stage.start(1, PROGRAM, ALERTER_MODE=mode).process.wait(40)


@pytest.mark.timeout(150)
def test_no_point_of_an_end_doubles_or_misses_an_alert(stage: AlerterRig, tmp_path: Path) -> None:
    ends = {}
    for mode in ("lane-taken", "digests-out", "transaction-open", "alerts-committed", "stage-raises"):
        stage.feed(15)
        ends[mode] = run_until_it_ends(stage, mode)
    assert ends.pop("stage-raises") == EXIT_CRASH  # an exception left no agent: the process ended, in words
    assert set(ends.values()) == {DIED}
    assert stage.aborted() > 0, "no end met an open transaction: this run proves nothing"
    elsewhere = tmp_path / "another-disk"
    elsewhere.mkdir()
    uncertain = stage.start(1, PROGRAM, ALERTER_MODE="commit-uncertain", TMPDIR=str(elsewhere), HOME=str(elsewhere))
    stage.feed(15)
    verdict = stage.wait_until_all_is_told()
    print(verdict)
    assert verdict.is_clean, verdict
    assert verdict.repeats > 0
    assert uncertain.stop() == 0
    assert list(elsewhere.rglob("*")) == []  # nothing is kept on disk, so an empty one is nothing new


@pytest.mark.timeout(90)
def test_a_polite_stop_inside_a_batch_loses_nothing(stage: AlerterRig) -> None:
    first = stage.start(1, PROGRAM, ALERTER_MODE="slow", SHIRASE_ALERTER__MAX_RECORDS="6")
    stage.feed(60)
    stage.wait_for_alerts(0)
    assert first.stop() == 0
    assert not stage.verdict().is_clean, "the stop met no batch: this run proves nothing"
    stage.start(1, PROGRAM, ALERTER_MODE="sound")
    verdict = stage.wait_until_all_is_told()
    assert verdict.is_clean, verdict


@pytest.mark.timeout(120)
def test_the_judge_catches_what_is_broken(stage: AlerterRig) -> None:
    stage.feed(30)
    assert run_until_it_ends(stage, "alerts-before-state") == DIED
    second = stage.start(1, PROGRAM, ALERTER_MODE="sound")
    wait_until(lambda: bool(stage.verdict().doubled))
    stage.wait_until_all_is_told()
    assert second.stop() == 0
    assert not stage.verdict().unfounded
    forgetful = stage.start(1, PROGRAM, ALERTER_MODE="forgets-state")
    stage.tell_again(10)
    wait_until(lambda: bool(stage.verdict().unfounded))
    assert forgetful.stop() == 0
    stage.feed(30)
    assert run_until_it_ends(stage, "acknowledges-first") == DIED
    last = stage.start(1, PROGRAM, ALERTER_MODE="sound")
    with pytest.raises(AssertionError, match="alerts are missing"):
        stage.wait_until_all_is_told(within_s=8)
    assert stage.verdict().silent_stories
    assert last.stop() == 0


@pytest.mark.timeout(90)
def test_a_sleeper_that_wakes_up_can_write_nothing_any_more(stage: AlerterRig) -> None:
    sleeper = stage.start(1, PROGRAM, ALERTER_MODE="sound")
    stage.feed(30)
    out = stage.wait_for_alerts(0)
    os.kill(sleeper.process.pid, signal.SIGSTOP)
    stage.start(1, PROGRAM, ALERTER_MODE="sound")
    stage.feed(30)
    stage.wait_for_alerts(out)
    verdict = stage.wait_until_all_is_told()
    os.kill(sleeper.process.pid, signal.SIGCONT)
    stage.feed(10)
    verdict = stage.wait_until_all_is_told()
    assert verdict.is_clean, verdict
    ended(sleeper)


def ended(one: Supervised) -> None:
    if one.process.poll() is None:
        one.process.terminate()
    try:
        one.process.wait(15)
    except subprocess.TimeoutExpired:
        one.process.kill()


def wait_until(holds: object, within_s: float = 20.0) -> None:
    assert callable(holds)
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)
