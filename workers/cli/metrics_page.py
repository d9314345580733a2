"""Reads a worker's metrics page over HTTP on this machine, for people who look at the demo. Not a metrics library."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Mapping

from workers.errors import DependencyError

__all__ = ["Samples", "fetch_samples", "parse_samples", "total"]

Samples = Mapping[str, float]
"""Value by name and labels, as the page writes them: `shirase_outcomes_total{outcome="tagged",code=""}`."""

_LINE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{.*\})?) (\S+)$")
_TIMEOUT_S = 2.0
_PREFIX = "shirase_"


def fetch_samples(url: str) -> Samples:
    """The page's samples of ours.

    Raises DependencyError where the page cannot be had.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy has no business on loopback
    try:
        with opener.open(url, timeout=_TIMEOUT_S) as answer:
            return parse_samples(answer.read().decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DependencyError("metrics", f"{url}: {error}") from error


def parse_samples(page: str) -> Samples:
    """The samples of ours on a page in Prometheus' text format."""
    found = (_LINE.match(line) for line in page.splitlines() if line.startswith(_PREFIX))
    return {match[1]: float(match[2]) for match in found if match}


def total(samples: Samples, name: str, **labels: str) -> float:
    """The sum over all samples of `name` that carry `labels`."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        value
        for sample, value in samples.items()
        if sample.partition("{")[0] == _PREFIX + name and all(pair in sample for pair in wanted)
    )
