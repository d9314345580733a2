"""`[knowledge]` and `[download]`: where catalogues are kept and come from, and the bounds of what a person fetches.

Defaults stand in `config/shirase.toml`. Nothing here reads anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from workers.settings.bounds import PositiveInt, Seconds

__all__ = ["DownloadSettings", "KnowledgeSettings"]


@dataclass(frozen=True, kw_only=True, slots=True)
class KnowledgeSettings:
    """`[knowledge]`: what is kept between starts, and where a newer galaxy comes from."""

    cache_dir: Path | None = None
    data_dir: Path | None = None
    update_from: Annotated[str, Meta(min_length=1)]
    keep: PositiveInt


@dataclass(frozen=True, kw_only=True, slots=True)
class DownloadSettings:
    """`[download]`: the bounds of `ingest URL` and of `knowledge update --from URL`."""

    timeout_s: Seconds
    max_bytes: PositiveInt
    max_redirects: PositiveInt
