"""The broker goes away, workers come and go: nothing lost, nothing doubled, order kept."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from tests.chaos.conftest import BreakableBroker
from tests.chaos.rig import Rig, Supervised

pytestmark = pytest.mark.chaos

CHUNK = 1_000


@pytest.mark.timeout(400)
def test_broker_restarts_of_one_and_twenty_seconds(rig: Rig, breakable_broker: BreakableBroker) -> None:
    workers = rig.start(2, SHIRASE_BATCH__MAX_RECORDS="20")
    outages = (1, 1, 20)
    for seconds in outages:
        rig.feed(CHUNK)
        rig.wait_for_progress()
        breakable_broker.stop()
        time.sleep(seconds)
        breakable_broker.start()
    rig.feed(CHUNK)
    rig.wait_until_all_is_out(180)
    # A worker that hung was ended by its watchdog and started again: either way the supervisor outlives the outages.
    assert workers.process.poll() is None
    workers.stop()
    verdict = rig.verdict()
    ended = [event["meaning"] for event in workers.events("worker_ended")]
    lost = len(workers.events("batch_lost"))
    print(f"{rig.produced} items, {len(outages)} outages, {lost} batches lost, ended: {ended}: {verdict}")
    assert verdict.is_clean, f"{verdict}\n{rig.logs()}"


@pytest.mark.timeout(300)
def test_workers_joining_and_leaving(rig: Rig) -> None:
    steady = rig.start(1, SHIRASE_BATCH__MAX_RECORDS="20")
    for at in range(4):
        rig.feed(CHUNK)
        rig.wait_for_progress()
        guest = rig.start(1 + at % 2, SHIRASE_BATCH__MAX_RECORDS="20")
        _wait_until_started(guest)
        rig.feed(CHUNK)
        time.sleep(rig.random.uniform(0.5, 2.0))
        if at % 2:
            guest.kill()
        else:
            assert guest.stop() == 0
    rig.wait_until_all_is_out()
    assert steady.stop() == 0
    verdict = rig.verdict()
    print(f"{rig.produced} items, {rig.aborted()} records aborted: {verdict}")
    assert verdict.is_clean, f"{verdict}\n{rig.logs()}"


@pytest.mark.timeout(200)
def test_a_stopped_worker_that_wakes_up_after_its_partitions_moved_publishes_nothing(rig: Rig) -> None:
    """A zombie: SIGSTOP until the group gave its partitions away, then SIGCONT in the middle of its batch."""
    workers = rig.start(2, SHIRASE_BATCH__MAX_RECORDS="20")
    for _ in range(3):
        rig.feed(CHUNK)
        rig.wait_for_progress()
        victims = workers.grown_pids(1.0) or workers.worker_pids()
        zombie = rig.random.choice(victims)
        os.kill(zombie, signal.SIGSTOP)
        waker = threading.Timer(4.0, os.kill, (zombie, signal.SIGCONT))
        waker.start()
        rig.wait_for_progress()
        waker.join()
    rig.feed(CHUNK)
    rig.wait_until_all_is_out()
    workers.stop()
    verdict = rig.verdict()
    lost = len(workers.events("batch_lost")) + len(workers.events("passing_trouble"))
    print(f"{rig.produced} items, {lost} late results thrown away, {rig.aborted()} records aborted: {verdict}")
    assert verdict.is_clean, f"{verdict}\n{rig.logs()}"


def _wait_until_started(guest: Supervised) -> None:
    deadline = time.monotonic() + 30
    while not guest.events("ready"):
        assert time.monotonic() < deadline, "the guest does not start"
        time.sleep(0.1)
