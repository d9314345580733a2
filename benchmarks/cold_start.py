"""Cold start: how long `shirase tag` takes for one item, the knowledge included."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

__all__ = ["measure_cold_start"]

ROUNDS = 5


def measure_cold_start(item: bytes) -> list[str]:
    """The table's lines, Markdown: the first start compiles the knowledge, the others find it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "one.jsonl"
        file.write_bytes(item + b"\n")
        environment = {**os.environ, "SHIRASE_KNOWLEDGE__CACHE_DIR": folder}
        taken = [_seconds(file, environment) for _ in range(ROUNDS + 1)]
    return [
        "| `shirase tag`, one item | s |",
        "|---|---|",
        f"| first start (compiles the knowledge) | {taken[0]:.2f} |",
        f"| later starts (median of {ROUNDS}) | {statistics.median(taken[1:]):.2f} |",
    ]


def _seconds(file: Path, environment: dict[str, str]) -> float:
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "workers.cli.main", "tag", str(file)], env=environment, check=True, capture_output=True
    )
    return time.monotonic() - started
