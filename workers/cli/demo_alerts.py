"""The demo's stories: items that are dated from now, rules that need no weeks of history, and the wait for the alerts.

Shows nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from workers.errors import ConfigError, DependencyError, FatalError

if TYPE_CHECKING:
    from workers.settings import Settings

__all__ = ["STORIES", "date_items", "quick_rules", "wait_until_told", "write_dated_items"]

STORIES = "stories.jsonl"
_AGO = re.compile(r"\{ago (\d+)m\}")
# A surge is measured against days before; the demo has seconds. The real figures and their reasons: alerts.toml.
_QUICK = {"learning_h": "0", "minimum_count": "6", "chance": "0.001"}
_TOLD_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.1


def date_items(text: str, now: datetime) -> str:
    """`text` with `{ago 45m}` replaced by the time so many minutes before `now`."""
    return _AGO.sub(lambda found: (now - timedelta(minutes=int(found[1]))).strftime("%Y-%m-%dT%H:%M:%SZ"), text)


def write_dated_items(source: Path, target: Path) -> Path:
    """The items of `source`, dated from now, as `target`."""
    target.write_text(date_items(source.read_text(encoding="utf-8"), datetime.now(UTC)), encoding="utf-8")
    return target


def quick_rules(file: Path) -> None:
    """Change `file`, a copy of alerts.toml, so that a surge shows within seconds. Raises ConfigError."""
    text = file.read_text(encoding="utf-8")
    for key, value in _QUICK.items():
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
        if count != 1:
            raise ConfigError(str(file), f"surge.{key}", None, "the key, once")
    file.write_text(text, encoding="utf-8")


def wait_until_told(settings: Settings, metrics_url: str, tagged: int, check: Callable[[], None]) -> None:
    """Wait until the alerter has folded all that `tagged` events led to.

    Raises FatalError where it takes too long; what `check` raises.
    """
    from workers.adapters.kafka_browse import read_whole_topic
    from workers.cli.metrics_page import fetch_samples, total

    stories = settings.alerter.stories
    deadline = time.monotonic() + _TOLD_WITHIN_S
    while time.monotonic() < deadline:
        check()
        try:
            samples = fetch_samples(metrics_url)
        except DependencyError:
            samples = {}
        digested = total(samples, "records_consumed_total", topic=settings.tagger.output)
        folded = total(samples, "records_consumed_total", topic=stories)
        if digested >= tagged and folded >= sum(1 for _ in read_whole_topic(settings.kafka, stories)):
            return
        time.sleep(_LOOK_EVERY_S)
    raise FatalError("demo", f"not all stories were told within {_TOLD_WITHIN_S:g} s")
