"""Alerters that end at a named point, and alerters that are broken on purpose. `python -m … --config-dir DIR` with MODE set.

Both run the real host over adapters that do one thing more, or one thing wrong.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from workers.adapters import kafka_lane
from workers.alerter import app, lanes
from workers.cli.wiring_alerter import run_alerter
from workers.errors import BatchLost
from workers.model import OutgoingRecord
from workers.ports import LaneCommit
from workers.settings import load_settings

DIED = 9
_real_commit = kafka_lane.KafkaLane._commit
_real_publish = kafka_lane.KafkaOutlet.publish


class _Nth:
    """True at the n-th call only."""

    def __init__(self, n: int) -> None:
        self._left = n

    def __call__(self) -> bool:
        self._left -= 1
        return self._left == 0


def die(*_: Any) -> None:
    os._exit(DIED)


def _lane_taken() -> list[Any]:
    return [mock.patch.object(kafka_lane.KafkaLane, "restore", die)]


def _digests_out() -> list[Any]:
    def publish(self: Any, outputs: Sequence[OutgoingRecord]) -> None:
        _real_publish(self, outputs)
        die()

    return [mock.patch.object(kafka_lane.KafkaOutlet, "publish", publish)]


def _transaction_open() -> list[Any]:
    def commit(self: Any, commit: LaneCommit) -> None:
        if not commit.outputs:
            _real_commit(self, commit)
            return
        with mock.patch.object(self._producer, "commit_transaction", die):
            _real_commit(self, commit)

    return [mock.patch.object(kafka_lane.KafkaLane, "_commit", commit)]


def _alerts_committed() -> list[Any]:
    def commit(self: Any, commit: LaneCommit) -> None:
        _real_commit(self, commit)
        if commit.outputs:
            die()

    return [mock.patch.object(kafka_lane.KafkaLane, "_commit", commit)]


def _commit_uncertain() -> list[Any]:
    """Every other commit is reported as lost: one after it was made, the next before."""
    turn = iter(range(1_000_000))

    def commit(self: Any, commit: LaneCommit) -> None:
        at = next(turn)
        if at % 4 == 1:
            raise BatchLost("made up, before the commit")
        _real_commit(self, commit)
        if at % 4 == 3:
            raise BatchLost("made up, after the commit")

    return [mock.patch.object(kafka_lane.KafkaLane, "_commit", commit)]


def _slow() -> list[Any]:
    def commit(self: Any, commit: LaneCommit) -> None:
        time.sleep(0.4)
        _real_commit(self, commit)

    return [mock.patch.object(kafka_lane.KafkaLane, "_commit", commit)]


def _stage_raises() -> list[Any]:
    def fold(self: Any, *_: Any) -> None:
        raise ZeroDivisionError("made up")

    return [mock.patch.object(lanes.FoldStage, "_fold", fold)]


def _acknowledges_first() -> list[Any]:
    """Acknowledges tagged events before they are digested, and dies with the second batch."""
    due = _Nth(2)

    def agent(take: Any, options: app.AppOptions) -> Any:
        async def broken(stream: Any) -> None:
            async for events in stream.noack_take(options.max_records, within=options.max_wait_s):
                for event in events:
                    event.ack()
                if events[0].message.topic == os.environ["SHIRASE_TAGGER__OUTPUT"] and due():
                    await stream.app.consumer.commit()
                    die()
                await take([app._record(event.message) for event in events])

        return broken

    return [mock.patch.object(app, "_agent", agent)]


def _alerts_before_state() -> list[Any]:
    """Publishes alerts apart from the state, and dies between the two."""

    def commit(self: Any, commit: LaneCommit) -> None:
        outlet = kafka_lane.KafkaOutlet(self._kafka)
        outlet.publish(commit.outputs)
        outlet.close()
        if commit.outputs:
            die()
        _real_commit(self, LaneCommit(outputs=(), rows=commit.rows, position=commit.position))

    return [mock.patch.object(kafka_lane.KafkaLane, "_commit", commit)]


def _forgets_state() -> list[Any]:
    real = kafka_lane.KafkaLane.restore

    def restore(self: Any) -> tuple[Mapping[str, bytes], int]:
        return {}, real(self)[1]

    return [mock.patch.object(kafka_lane.KafkaLane, "restore", restore)]


MODES: Mapping[str, Callable[[], list[Any]]] = {
    "sound": list,
    "slow": _slow,
    "lane-taken": _lane_taken,
    "digests-out": _digests_out,
    "transaction-open": _transaction_open,
    "alerts-committed": _alerts_committed,
    "commit-uncertain": _commit_uncertain,
    "stage-raises": _stage_raises,
    "acknowledges-first": _acknowledges_first,
    "alerts-before-state": _alerts_before_state,
    "forgets-state": _forgets_state,
}


def main(config: str) -> int:
    """Run one alerter of the mode that the environment names; it ends itself, or is ended."""
    mode = os.environ.pop("ALERTER_MODE")
    environment = {name: value for name, value in os.environ.items() if name != "ALERTER_MODE"}
    for patch in MODES[mode]():
        patch.start()
    return run_alerter(load_settings(Path(config), None, environment), slot=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[sys.argv.index("--config-dir") + 1]))
