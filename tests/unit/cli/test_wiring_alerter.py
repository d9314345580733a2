"""Which exit code an error means to the supervisor, and which topics an alerter needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.unit.tagger.fakes import settings
from workers.adapters.supervisor import EXIT_CONFIG, EXIT_CRASH, EXIT_STOPPED, EXIT_TEMPORARY
from workers.cli.wiring_alerter import exit_code_of, needed_topics
from workers.errors import BatchLost, ConfigError, DependencyError, FatalError, FencedError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("f", "k", 1, "two"), EXIT_CONFIG),
        (FencedError("taken"), EXIT_TEMPORARY),
        (DependencyError("kafka", "away"), EXIT_TEMPORARY),
        (FatalError("stories-deleted", "gone"), EXIT_STOPPED),
        (ZeroDivisionError("bug"), EXIT_CRASH),
        (BatchLost("must have been handled below"), EXIT_CRASH),
    ],
)
def test_every_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert exit_code_of(error) == code


def test_every_needed_topic_is_declared_once() -> None:
    found = settings()
    declared = [topic.name for topic in found.topics]
    assert set(needed_topics(found)) <= set(declared)
    assert len(declared) == len(set(declared))
    partitions = {topic.name: topic.partitions for topic in found.topics}
    assert partitions[found.alerter.stories] == partitions[found.alerter.state]
    state = next(topic for topic in found.topics if topic.name == found.alerter.state)
    assert state.configs["cleanup.policy"] == "compact"


def test_only_the_alerter_pays_for_faust() -> None:
    code = "import sys, workers.cli.program; sys.exit('faust' in sys.modules or 'kafka' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
