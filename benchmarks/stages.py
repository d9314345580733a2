"""What each step of our worker costs, in one process without a broker: microseconds per record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from workers.adapters.process import SystemClock
from workers.cli.bootstrap import tagger_pipeline
from workers.model import Partition, Record
from workers.settings import load_settings
from workers.telemetry import METRICS

__all__ = ["measure_stages"]

CONFIG = Path(__file__).resolve().parents[1] / "config"


class SummingTelemetry:
    """Adds up what the stages take; drops the rest."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def add(self, metric: str, amount: float, *labels: str) -> None:
        """Not needed here."""

    def set(self, metric: str, value: float, *labels: str) -> None:
        """Not needed here."""

    def observe(self, metric: str, value: float, *labels: str) -> None:
        """Sums the stages' durations."""
        if METRICS[metric].name == "stage_duration_seconds":
            self.seconds[labels[0]] += value


def measure_stages(values: Sequence[bytes], batch: int) -> list[str]:
    """The table's lines, Markdown."""
    telemetry, clock = SummingTelemetry(), SystemClock()
    pipeline = tagger_pipeline(load_settings(CONFIG, None, {}), telemetry, clock)
    records = [_record(at, value) for at, value in enumerate(values)]
    pipeline.process(records[:batch])
    telemetry.seconds.clear()
    started = clock.monotonic()
    for at in range(0, len(records), batch):
        pipeline.process(records[at : at + batch])
    whole = clock.monotonic() - started
    rows = [f"| {stage} | {spent / len(records) * 1e6:.1f} |" for stage, spent in telemetry.seconds.items()]
    total = f"| all, without the broker | {whole / len(records) * 1e6:.1f} |"
    return ["| stage | µs per record |", "|---|---|", *rows, total]


def _record(offset: int, value: bytes) -> Record:
    return Record(partition=Partition("bench", 0), offset=offset, timestamp_ms=0, key=None, value=value)
