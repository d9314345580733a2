"""The proof run, as `make proof` does it: a real Prometheus, a running stream, every query of every panel and every rule."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from deploy.grafana.build import FOLDER
from deploy.proof.queries import rules
from deploy.proof.server import find_prometheus
from tests.support.requirement import require

ROOT = Path(__file__).resolve().parents[2]


def test_every_query_of_every_panel_and_every_rule_has_data_over_a_running_stream(tmp_path: Path) -> None:
    require(None if find_prometheus() else "prometheus is not installed (Debian package prometheus)")
    call = [sys.executable, "-m", "deploy.proof", "--seconds", "20", "--no-pictures", "--out", str(tmp_path)]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, (
        "\n".join(line for line in done.stdout.splitlines() if not line.startswith("ok")) + done.stderr
    )
    last = re.search(r"(\d+) queries, 0 without data, \d+ answered by a true zero; (\d+) rules, 0 without", done.stdout)
    assert last is not None, done.stdout
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")]
    queries = [target for board in boards for panel in board["panels"] for target in panel.get("targets", [])]
    assert (int(last[1]), int(last[2])) == (len(queries), len(rules()))
    drawn = sorted(path.stem for path in tmp_path.glob("*.html"))
    assert drawn == ["shirase-lookups", "shirase-pipeline-health", "shirase-threat-picture"]
