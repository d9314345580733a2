"""The process `shirase`: what must stand before anything is imported, and then the program (`program.py`).

A worker takes most of a second to import what it needs, and longer to be ready. Told to end in that time it has nothing
in hand: no transaction, no partitions, no item. So it ends well, at once, until what runs takes the signals over.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

__all__ = ["main"]

_WITH_VALUE = ("--config", "--config-dir")


def main() -> None:
    """The console script. Always ends in SystemExit."""
    if _command(sys.argv[1:]) == "run":
        _end_well_when_told()
    from workers.cli.program import app

    app(prog_name="shirase")


def _end_well_when_told() -> None:
    # os._exit, not SystemExit: that could be raised, and lost, anywhere inside an import or a client's call.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))


def _command(arguments: Sequence[str]) -> str | None:
    """The command that is called: the first argument that is no global option, nor the value of one."""
    rest = iter(arguments)
    for argument in rest:
        if argument in _WITH_VALUE:
            next(rest, None)
        elif not argument.startswith("-"):
            return argument
    return None


if __name__ == "__main__":
    main()
