"""Reading a metrics page."""

from __future__ import annotations

import pytest

from workers.cli.metrics_page import fetch_samples, parse_samples, total
from workers.errors import DependencyError

PAGE = """\
# HELP shirase_outcomes_total What became of each record.
# TYPE shirase_outcomes_total counter
shirase_outcomes_total{outcome="tagged",code=""} 40.0
shirase_outcomes_total{outcome="dead_lettered",code="not-json"} 3.0
shirase_outcomes_total{outcome="dead_lettered",code="a } b"} 2.0
shirase_outcomes_total_other 9.0
process_cpu_seconds_total 1.0
shirase_consumer_lag_seconds 1.5e-3
"""


def test_samples_are_added_up_over_labels() -> None:
    samples = parse_samples(PAGE)
    assert total(samples, "outcomes_total") == 45
    assert total(samples, "outcomes_total", outcome="dead_lettered") == 5
    assert total(samples, "outcomes_total", outcome="dead_lettered", code="not-json") == 3
    assert total(samples, "consumer_lag_seconds") == 0.0015
    assert total(samples, "nothing_such") == 0


def test_samples_of_others_are_left_out() -> None:
    assert not [name for name in parse_samples(PAGE) if "process" in name]


def test_nobody_there_is_a_dependency_error() -> None:
    with pytest.raises(DependencyError, match="metrics"):
        fetch_samples("http://127.0.0.1:1/metrics")
