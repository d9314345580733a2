"""`python -m deploy.chart_files` copies rules and dashboards into the Helm chart, which can read nothing outside its folder;
with --check it only says whether they are the same.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["differences", "main"]

_DEPLOY = Path(__file__).resolve().parent
_FILES = _DEPLOY / "kubernetes/shirase/files"
_COPIED = ((_DEPLOY / "prometheus/rules", _FILES / "rules"), (_DEPLOY / "grafana/dashboards", _FILES / "dashboards"))


def differences() -> list[str]:
    """The chart's files that are not as their originals are, or have none, or are missing."""
    found = []
    for source, target in _COPIED:
        ours, theirs = _contents(source), _contents(target)
        found += [f"{target.name}/{name}" for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)]
    return sorted(found)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.*")}


def main(arguments: Sequence[str]) -> int:
    """Copy, or compare: 1 where anything differs."""
    if list(arguments) == ["--check"]:
        stale = differences()
        if stale:
            sys.stderr.write(f"not up to date: {', '.join(stale)}. Copy them with: make dashboards\n")
        return 1 if stale else 0
    for source, target in _COPIED:
        target.mkdir(parents=True, exist_ok=True)
        for name, content in _contents(source).items():
            (target / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
