"""`python -m workers.embedded`: the embedded broker as a process of its own. It is no production broker.

Prints `ready 127.0.0.1:PORT` once clients may connect, and serves until SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from workers.embedded.broker import EmbeddedBroker

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve as the arguments say until a signal asks for the end."""
    options = _parser().parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with EmbeddedBroker(options.port, options.data_dir) as broker:
        for name, partitions in options.topic:
            broker.create_topic(name, partitions)
        print(f"ready {broker.bootstrap}", flush=True)  # noqa: T201 - this line is the interface
        ended.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers.embedded", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--data-dir", type=Path, default=None, help="keep records here; without it, in memory")
    parser.add_argument(
        "--topic", action="append", type=_topic, default=[], metavar="NAME:PARTITIONS", help="create this topic"
    )
    return parser


def _topic(text: str) -> tuple[str, int]:
    name, _, partitions = text.rpartition(":")
    if not name or not partitions.isdigit():
        msg = f"{text!r} is not NAME:PARTITIONS"
        raise argparse.ArgumentTypeError(msg)
    return name, int(partitions)


if __name__ == "__main__":
    sys.exit(main())
