from __future__ import annotations

from pathlib import Path

import pytest

from workers.classify import Reader
from workers.knowledge import load_knowledge


@pytest.fixture(scope="package")
def reader() -> Reader:
    return Reader(load_knowledge(Path(__file__).parents[3] / "config", None))
