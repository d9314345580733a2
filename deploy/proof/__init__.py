"""The proof run: our dashboards and rules on a real Prometheus over a running stream. See `__main__`."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DEPLOY", "ROOT"]

DEPLOY = Path(__file__).resolve().parents[1]
ROOT = DEPLOY.parent
