"""How commands show things: tables for people, JSON for programs. Text from records never reaches a terminal raw.

Writes to standard output only.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import msgspec
import typer

__all__ = ["AsJson", "is_terminal", "print_json", "print_table", "printable"]

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]


def is_terminal() -> bool:
    """Whether a person is likely to be looking at standard output."""
    return sys.stdout.isatty()


def print_json(value: Any) -> None:
    """One JSON value on one line."""
    typer.echo(msgspec.json.encode(value).decode())


def printable(text: str) -> str:
    """`text` on one line, with everything that could steer a terminal taken out."""
    return "".join(c if c.isprintable() else " " for c in text)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """`rows` under `columns`: a drawn table on a terminal, tab-separated lines with a header elsewhere."""
    cells = [[printable(str(row.get(column, ""))) for column in columns] for row in rows]
    if is_terminal():
        _draw(title, columns, cells)
        return
    typer.echo("\t".join(columns))
    for line in cells:
        typer.echo("\t".join(line))


def _draw(title: str, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for line in cells:
        table.add_row(*(Text(cell) for cell in line))
    Console().print(table)
