"""Arguments that several commands share. Checks that files are there; opens none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = ["STANDARD_INPUT", "Files"]

STANDARD_INPUT = Path("-")


def _existing(files: list[Path]) -> list[Path]:
    for file in files:
        if file != STANDARD_INPUT and not file.exists():
            raise typer.BadParameter(f"{file} does not exist")
    return files


Files: TypeAlias = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE",
        callback=_existing,
        help="JSON Lines, .txt, .md, .html, .json, a folder of these, or - for JSON Lines on standard input.",
    ),
]
