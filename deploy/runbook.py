"""deploy/runbook.md as data: its sections, their anchors, their commands. Read by the dashboards' generator and by tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Section", "runbook_link", "sections"]

_FILE = Path(__file__).resolve().with_name("runbook.md")
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_COMMAND = re.compile(r"`(shirase [^`]+)`")
_DASHBOARD = "/d/shirase-runbook/shirase-runbook"


@dataclass(frozen=True)
class Section:
    """A section, with its text as Markdown without the heading."""

    title: str
    text: str

    @property
    def anchor(self) -> str:
        """The heading as a link's fragment."""
        return re.sub(r"[^a-z0-9-]", "", self.title.lower().replace(" ", "-"))

    @property
    def commands(self) -> list[str]:
        """The commands of ours that it names."""
        return [" ".join(command.split()) for command in _COMMAND.findall(self.text)]


def sections() -> list[Section]:
    """All sections, in order."""
    parts = _HEADING.split(_FILE.read_text(encoding="utf-8"))[1:]
    return [Section(title, text.strip()) for title, text in zip(parts[::2], parts[1::2], strict=True)]


def runbook_link(title: str) -> str:
    """Where a dashboard's panel links to for that section: its panel on the runbook's own dashboard.

    Raises ValueError where there is no such section.
    """
    return f"{_DASHBOARD}?viewPanel=panel-{[section.title for section in sections()].index(title) + 1}"
