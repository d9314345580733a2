"""Workers that are broken on purpose, so that the checker is known to catch them. `python -m … MODE` in a rig's environment.

They run the real loop over a stream that breaks one law of the port.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from kafka import KafkaProducer

from workers.adapters import kafka_stream
from workers.cli.bootstrap import run_worker
from workers.model import OutgoingRecord
from workers.settings import load_settings

MODES = ("sound", "commit-before-send", "drop-one-in-a-thousand", "send-twice", "shuffle")
CRASH_AT = 3


class _CommitsBeforeItSends(kafka_stream.AtLeastOnceStream):
    """Commits the offsets first, and dies before the third batch is sent."""

    _batches = 0

    def _publish(self, producer: KafkaProducer, outputs: Any, positions: Mapping[Any, Any], group: Any) -> None:
        self._reader.commit(positions)
        self._batches += 1
        if self._batches == CRASH_AT:
            os._exit(9)
        super()._publish(producer, outputs, positions, group)


class _Drops(kafka_stream.ExactlyOnceStream):
    """Loses every thousandth output on its way."""

    _count = 0

    def _send(self, producer: KafkaProducer, outputs: Sequence[OutgoingRecord]) -> list[Any]:
        kept = []
        for output in outputs:
            self._count += 1
            if self._count % 1_000:
                kept.append(output)
        return super()._send(producer, kept)


class _SendsTwice(kafka_stream.ExactlyOnceStream):
    """Sends the first output of every tenth batch again."""

    _batches = 0

    def _send(self, producer: KafkaProducer, outputs: Sequence[OutgoingRecord]) -> list[Any]:
        self._batches += 1
        again = outputs[:1] if self._batches % 10 == 0 else []
        return super()._send(producer, [*outputs, *again])


class _Shuffles(kafka_stream.ExactlyOnceStream):
    """Sends each batch from its end."""

    def _send(self, producer: KafkaProducer, outputs: Sequence[OutgoingRecord]) -> list[Any]:
        return super()._send(producer, outputs[::-1])


_STREAMS = {
    "commit-before-send": ("AtLeastOnceStream", _CommitsBeforeItSends),
    "drop-one-in-a-thousand": ("ExactlyOnceStream", _Drops),
    "send-twice": ("ExactlyOnceStream", _SendsTwice),
    "shuffle": ("ExactlyOnceStream", _Shuffles),
}


def main(mode: str, config: str) -> int:
    """Run one worker of this mode until it is idle."""
    environment = dict(os.environ)
    if mode == "commit-before-send":
        environment["SHIRASE_TAGGER__GUARANTEE"] = "at-least-once"
    settings = load_settings(Path(config), None, environment)
    if mode == "sound":
        return run_worker(settings, slot=0, instance="sound", until_idle=True)
    name, broken = _STREAMS[mode]
    with mock.patch.object(kafka_stream, name, broken):
        return run_worker(settings, slot=0, instance="broken", until_idle=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
