"""A real Prometheus on this machine with our rules, and its HTTP interface. Ends with the context."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.proof import DEPLOY
from workers.embedded.loopback import HOST, free_port

__all__ = ["Prometheus", "Series", "find_prometheus", "running_prometheus"]

_START_WITHIN_S = 20.0
_END_WITHIN_S = 10.0
_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Series:
    """One series of an answer: its labels, and its points (seconds since 1970, value) without those that are no number."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


def find_prometheus() -> str | None:
    """The program, None where it is not installed."""
    return shutil.which("prometheus")


class Prometheus:
    """Asks a running Prometheus."""

    def __init__(self, url: str) -> None:
        self.url = url

    def at(self, expression: str, moment: float) -> list[Series]:
        """The answer at one moment. Raises ValueError, with Prometheus' words, where the expression is wrong."""
        found = self._ask("query", query=expression, time=moment)["result"]
        if not isinstance(found, list) or (found and not isinstance(found[0], dict)):
            return [Series({}, _numbers([found]))]
        return [Series(one["metric"], _numbers([one["value"]])) for one in found]

    def over(self, expression: str, start: float, end: float) -> list[Series]:
        """The answer over a range, a point a second. Raises ValueError as above."""
        found = self._ask("query_range", query=expression, start=start, end=end, step=1)["result"]
        return [Series(one["metric"], _numbers(one["values"])) for one in found]

    def rules(self) -> dict[str, dict[str, Any]]:
        """What Prometheus says of each of its rules, by name."""
        return {rule["name"]: rule for group in self._ask("rules")["groups"] for rule in group["rules"]}

    def _ask(self, what: str, **parameters: object) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        url = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with opener.open(url, timeout=_TIMEOUT_S) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(error.read().decode("utf-8", "replace")) from error


@contextmanager
def running_prometheus(program: str, folder: Path, targets: Mapping[str, Sequence[str]]) -> Iterator[Prometheus]:
    """Prometheus with our rules, scraping `targets` (addresses by job) and evaluating every second.

    Raises RuntimeError, with what it said, where it does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "prometheus.log"
    config = _write(folder, targets)
    call = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    with log.open("wb") as out:
        process = subprocess.Popen([*call, f"--web.listen-address={HOST}:{port}"], stdout=out, stderr=out)  # noqa: S603 - from PATH
    try:
        _wait_until_ready(process, f"http://{HOST}:{port}/-/ready", log)
        yield Prometheus(f"http://{HOST}:{port}")
    finally:
        process.terminate()
        try:
            process.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _write(folder: Path, targets: Mapping[str, Sequence[str]]) -> Path:
    rules = folder / "rules"
    rules.mkdir(exist_ok=True)
    for file in (DEPLOY / "prometheus/rules").glob("*.yml"):
        plain = yaml.safe_load(file.read_text(encoding="utf-8"))
        for group in plain["groups"]:
            group.pop("interval", None)  # all of them every second: there is one minute
        (rules / file.name).write_text(yaml.safe_dump(plain), encoding="utf-8")
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules / "*.yml")],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": list(addresses)}]} for job, addresses in targets.items()
        ],
    }
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _START_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with opener.open(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"Prometheus does not start: {log.read_text('utf-8', 'replace')[-2000:]}")


def _numbers(points: Sequence[Sequence[Any]]) -> list[tuple[float, float]]:
    pairs = ((float(moment), float(value)) for moment, value in points)
    return [(moment, value) for moment, value in pairs if math.isfinite(value)]
