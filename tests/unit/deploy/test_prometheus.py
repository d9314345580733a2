"""prometheus.yml, judged by Prometheus' own checker."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CONFIG = Path(__file__).resolve().parents[3] / "deploy/prometheus/prometheus.yml"


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is not None:
        return found
    if os.environ.get("CI") == "true":
        pytest.fail("promtool is not installed (Debian package prometheus)")
    pytest.skip("promtool is not installed (Debian package prometheus)")


def check(promtool: str, file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [promtool, "check", "config", str(file)], capture_output=True, text=True, timeout=30, check=False
    )


def test_the_configuration_is_valid(promtool: str) -> None:
    done = check(promtool, CONFIG)
    assert done.returncode == 0, done.stderr


def test_the_checker_notices_a_mistake(promtool: str, tmp_path: Path) -> None:
    broken = tmp_path / "prometheus.yml"
    broken.write_text(CONFIG.read_text(encoding="utf-8").replace("scrape_interval", "scrape_intervall"), "utf-8")
    assert check(promtool, broken).returncode != 0
