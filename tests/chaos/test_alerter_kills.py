"""Alerters killed, dealt anew, and begun again with nothing on disk: no story alerts twice, none is missed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.alerter_rig import AlerterRig
from tests.chaos.conftest import BreakableBroker
from tests.chaos.rig import Supervised

pytestmark = pytest.mark.chaos

KILLS = 6
MOST_KILLS = 24  # which batch a kill meets is chance: further ones follow until one met a batch at work
STORIES = 60
OUTLETS = 6


@pytest.fixture
def stage(breakable_broker: BreakableBroker, tmp_path: Path) -> Iterator[AlerterRig]:
    seed = int(os.environ.get("CHAOS_SEED", time.time_ns() % 1_000_000))
    print(f"CHAOS_SEED={seed}")
    made = AlerterRig(lambda: breakable_broker.bootstrap, tmp_path, seed=seed)
    yield made
    made.close()


@pytest.mark.timeout(240)
def test_kills_and_rebalances_neither_double_nor_miss_an_alert(stage: AlerterRig) -> None:
    workers = stage.start(2)
    rounds = 0
    while rounds < KILLS or not (stage.verdict().repeats or rounds == MOST_KILLS):
        _feed_and_kill(stage, workers)
        rounds += 1
    verdict = stage.wait_until_all_is_told()
    killed = [event for event in workers.events("worker_ended") if event["code"] == -signal.SIGKILL]
    print(
        f"{rounds * STORIES} stories in {rounds * STORIES * OUTLETS} events, {len(killed)} kills, {stage.aborted()} alerts aborted: {verdict}"
    )
    assert workers.stop() == 0
    assert verdict.is_clean, f"{verdict}\n{stage.logs()}"
    assert len(killed) == rounds
    assert verdict.repeats > 0, "no kill met a batch at work: this run proves nothing"
    assert set(stage.dead_letters()) == {"not-json"}


def _feed_and_kill(stage: AlerterRig, workers: Supervised) -> None:
    """Feed, and kill one soon after its first digests of these stories: before it has told the broker that they are done."""
    written = stage.digests_out()
    stage.feed(STORIES, OUTLETS)
    stage.wait_for_digests(written)
    victims = _wait_for_victims(workers)
    time.sleep(stage.random.uniform(0, 0.3))
    os.kill(stage.random.choice(victims), signal.SIGKILL)


def _wait_for_victims(workers: Supervised) -> list[int]:
    for _ in range(400):
        found = workers.grown_pids(2.0)
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("no alerter is alive")
