"""Arguments that several commands share. Checks that files are there; opens none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from workers.cli.downloads import is_address

__all__ = ["STANDARD_INPUT", "Files", "FilesOrAddresses"]

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


def _existing_or_address(sources: list[str]) -> list[str]:
    _existing([Path(source) for source in sources if not is_address(source)])
    return sources


FilesOrAddresses: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE|-|URL",
        callback=_existing_or_address,
        help="JSON Lines, .txt, .md, .html, .json, a folder of these, - for JSON Lines on standard input, or the "
        "address of an RSS, Atom or JSON feed, of JSON Lines, or of a page.",
    ),
]
