"""Kill -9 at random moments while items flow: nothing lost, nothing doubled, order kept; and the kills really hit."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.chaos.rig import Rig, Supervised

pytestmark = pytest.mark.chaos

KILLS = 30
ITEMS = 20_000
# Small batches: hundreds of transactions, so that a kill at any moment is likely to meet an open one.
BATCH = 10


@pytest.mark.timeout(400)
def test_thirty_kills_lose_and_double_nothing(rig: Rig) -> None:
    workers = rig.start(2, SHIRASE_BATCH__MAX_RECORDS=str(BATCH))
    for _ in range(KILLS):
        rig.feed(ITEMS // KILLS + 1)
        victims = _wait_for_victims(workers)
        rig.wait_for_progress()
        time.sleep(rig.random.uniform(0, 0.2))
        os.kill(rig.random.choice(victims), signal.SIGKILL)
    rig.wait_until_all_is_out()
    aborted = rig.aborted()
    assert workers.stop() == 0
    killed = [event for event in workers.events("worker_ended") if event["code"] == -signal.SIGKILL]
    verdict = rig.verdict()
    print(f"{rig.produced} items, {len(killed)} kills, {aborted} records aborted: {verdict}")
    assert verdict.is_clean, f"{verdict}\n{rig.logs()}"
    assert rig.produced >= ITEMS
    assert len(killed) == KILLS
    assert aborted >= 3 * BATCH, "hardly a kill met an open transaction: this run proves nothing"


def _wait_for_victims(workers: Supervised) -> list[int]:
    for _ in range(400):
        found = workers.grown_pids(1.2)
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("no worker is alive")
