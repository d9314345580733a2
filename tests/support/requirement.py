"""What to do when a test's real part is not installed: skip by name here, fail where CI=true."""

from __future__ import annotations

import os

import pytest

__all__ = ["require"]


def require(missing: str | None) -> None:
    """Skip the test for this reason, or fail it where everything must be there."""
    if missing is None:
        return
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"CI must run this test: {missing}", pytrace=False)
    pytest.skip(missing)
