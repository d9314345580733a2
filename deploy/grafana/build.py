"""`python -m deploy.grafana.build` writes deploy/grafana/dashboards; with --check it only says whether they are up to date."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import lookups, pipeline_health, threat_picture
from deploy.grafana.board import board, runbook_board

__all__ = ["FOLDER", "dashboards", "differences", "main"]

FOLDER = Path(__file__).resolve().with_name("dashboards")


def dashboards() -> dict[str, str]:
    """The JSON of every dashboard, by file name."""
    made: dict[str, Dashboard] = {
        "threat-picture": board(
            "shirase-threat-picture",
            "Shirase: threat picture",
            "Who attacks whom, China and North Korea first; what is new; which sources still speak.",
            threat_picture.rows(),
        ),
        "pipeline-health": board(
            "shirase-pipeline-health",
            "Shirase: pipeline health",
            "Whether the stream lives, is late, or loses anything.",
            pipeline_health.rows(),
        ),
        "lookups": board(
            "shirase-lookups", "Shirase: lookups", "Caches, providers, breakers and budgets.", lookups.rows()
        ),
        "runbook": runbook_board(),
    }
    return {
        f"{name}.json": json.dumps(one, cls=JSONEncoder, indent=1, ensure_ascii=False) + "\n"
        for name, one in made.items()
    }


def differences() -> list[str]:
    """The files that are not as they would be written now, or that nobody writes."""
    made = dashboards()
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    return sorted(name for name in made.keys() | found.keys() if made.get(name) != found.get(name))


def main(arguments: Sequence[str]) -> int:
    """Write the dashboards, or compare them with what is there: 1 where they differ."""
    if list(arguments) == ["--check"]:
        stale = differences()
        if stale:
            sys.stderr.write(f"not up to date: {', '.join(stale)}. Write them with: make dashboards\n")
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name, text in dashboards().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
