"""How far long work has come: a bar on a terminal, plain lines elsewhere. Writes to standard error only."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import typer

__all__ = ["Progress", "progress_on_stderr", "silent_progress"]

_LINE_EVERY = 10_000  # items


class Progress(Protocol):
    """Is told how far the work has come."""

    def __call__(self, items: int, octets: int) -> None:
        """`items` more, which took `octets` of the input."""


def progress_on_stderr(octets: int | None) -> AbstractContextManager[Progress]:
    """A bar on a terminal, over `octets` of input where their number is known; a line now and then elsewhere."""
    return _Bar(octets) if sys.stderr.isatty() else nullcontext(_Lines())


def silent_progress(items: int, octets: int) -> None:
    """Shows nothing."""
    del items, octets


class _Lines:
    """A line on standard error now and then."""

    def __init__(self) -> None:
        self._items = 0

    def __call__(self, items: int, octets: int) -> None:
        del octets
        passed = (self._items + items) // _LINE_EVERY > self._items // _LINE_EVERY
        self._items += items
        if passed:
            typer.echo(f"{self._items} items so far", err=True)


class _Bar:
    """A progress bar on standard error, over the octets of the input where their number is known."""

    def __init__(self, octets: int | None) -> None:
        from rich import progress
        from rich.console import Console

        columns = (
            progress.TextColumn("{task.fields[items]} items"),
            progress.BarColumn(),
            progress.TimeRemainingColumn(),
        )
        self._bar = progress.Progress(*columns, console=Console(stderr=True))
        self._task = self._bar.add_task("ingest", total=octets, items=0)
        self._items = 0

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, items: int, octets: int) -> None:
        self._items += items
        self._bar.update(self._task, advance=octets, items=self._items)
