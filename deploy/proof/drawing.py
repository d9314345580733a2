"""Each dashboard as one HTML page, drawn from what its queries brought, on the dashboard's own grid; and as a picture."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from deploy.proof.asking import Answer, Moment
from deploy.proof.queries import Board, Panel
from deploy.proof.server import Series
from deploy.proof.shapes import draw

__all__ = ["photograph", "write_pages"]

_STYLE = """
body{background:#111217;color:#ccccdc;font:12px sans-serif;margin:8px}h1{font-size:18px}
main{display:grid;grid-template-columns:repeat(24,1fr);grid-auto-rows:30px;gap:4px}
section{background:#181b1f;border:1px solid #2c3235;border-radius:2px;padding:4px 8px;overflow:hidden;position:relative}
section.row{background:none;border:none;font-weight:bold;font-size:14px}section.bad{border-color:#e02f44}
h2{font-size:12px;margin:0 0 4px;font-weight:600}p{color:#e02f44}small{color:#8e8e9a;font-weight:normal}
.number{font-size:30px;text-align:center;padding-top:6px}.bar{display:flex;align-items:center;height:16px;gap:6px}
.bar span{width:130px;text-align:right;white-space:nowrap;overflow:hidden}.bar i{height:11px}
table{width:100%;border-collapse:collapse}td{border-bottom:1px solid #2c3235;padding:0 4px}td:last-child{text-align:right}
.lines{display:flex;position:absolute;inset:24px 8px 6px 8px;gap:8px}.lines svg{flex:1;min-width:0;height:100%;
border-left:1px solid #444;border-bottom:1px solid #444}.lines em{position:absolute;left:4px;top:0;color:#8e8e9a}
.legend{max-width:45%;overflow:hidden;white-space:nowrap}.legend i{display:inline-block;width:8px;height:8px;margin-right:4px}
.tight{display:flex;flex-direction:column;justify-content:space-between;font-size:9px}
.band{display:flex;gap:6px;height:20px;margin:4px 0}.band span{width:120px;text-align:right}.band div{flex:1;display:flex}
"""
_ROW_PX, _SEEN_WITHIN_S = 34, 60


def write_pages(folder: Path, boards: Sequence[Board], answers: Sequence[Answer], moment: Moment) -> dict[Path, int]:
    """Write a page for each board; its height in pixels by file."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {}
    for board in boards:
        mine = [answer for answer in answers if answer.board.uid == board.uid]
        body = "".join(_section(panel, mine, moment) for panel in board.panels)
        path = folder / f"{board.uid}.html"
        path.write_text(
            f'<!doctype html><meta charset="utf-8"><title>{escape(board.title)}</title><style>{_STYLE}</style>'
            f"<h1>{escape(board.title)} <small>drawn from Prometheus' answers, not by Grafana</small></h1><main>{body}</main>\n",
            encoding="utf-8",
        )
        pages[path] = 70 + _ROW_PX * max(panel.at["y"] + panel.at["h"] for panel in board.panels)
    return pages


def _section(panel: Panel, answers: Sequence[Answer], moment: Moment) -> str:
    at = panel.at
    place = f"grid-area:{at['y'] + 1}/{at['x'] + 1}/span {at['h']}/span {at['w']}"
    if panel.kind == "row":
        return f'<section class="row" style="{place}">{escape(panel.title)}</section>'
    mine = [answer for answer in answers if answer.panel is panel]
    troubles = [answer.trouble for answer in mine if answer.trouble]
    named = [(_name(answer.legend, one), one) for answer in mine for one in answer.series]
    body = draw(panel, named, moment) if named else ""
    bad = "".join(f"<p>{escape(trouble)}</p>" for trouble in troubles)
    return (
        f'<section class="{"bad" if bad else ""}" style="{place}"><h2>{escape(panel.title)}</h2>{bad}{body}</section>'
    )


def _name(legend: str, series: Series) -> str:
    if legend == "__auto":
        return " ".join(series.labels.values())
    return _filled(legend, series.labels) or "none"


def _filled(legend: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"{{(\w+)}}", lambda match: labels.get(match[1], ""), legend).strip()


def photograph(pages: Mapping[Path, int]) -> list[Path]:
    """A picture of each page beside it, by Chromium; none where that is not installed."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        return []
    pictures = []
    for page, height in pages.items():
        picture = page.with_suffix(".png")
        call = [program, "--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size=1500,{height}"]
        subprocess.run(  # noqa: S603 - a browser from PATH, on our own page
            [*call, f"--screenshot={picture}", page.resolve().as_uri()],
            capture_output=True,
            timeout=_SEEN_WITHIN_S,
            check=True,
        )
        pictures.append(picture)
    return pictures
