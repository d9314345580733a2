"""What every command is called with: where the settings are, and what the environment lays over them.

Reads nothing until `Invocation.settings` is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from workers.settings import Settings

__all__ = ["Invocation", "find_config_dir", "invocation_of"]

_MARK = "shirase.toml"
_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """The global options of one call."""

    config_dir: Path
    over: Path | None
    environment: Mapping[str, str]

    def settings(self) -> Settings:
        """The settings that this call is to use; where they name no folders for the knowledge, the user's own.

        Raises ConfigError.
        """
        from workers.settings import load_settings

        found = load_settings(self.config_dir, self.over, self.environment)
        kept = found.knowledge
        cache = kept.cache_dir or _user_folder(self.environment, "XDG_CACHE_HOME", ".cache")
        data = kept.data_dir or _user_folder(self.environment, "XDG_DATA_HOME", ".local/share")
        return replace(found, knowledge=replace(kept, cache_dir=cache, data_dir=data))

    def arguments(self) -> list[str]:
        """The global options that give another `shirase` process the same settings."""
        over = [] if self.over is None else ["--config", str(self.over)]
        return ["--config-dir", str(self.config_dir), *over]


def _user_folder(environment: Mapping[str, str], variable: str, below_home: str) -> Path | None:
    """Our folder in the XDG Base Directory Specification's place for such files; None where the user has no home."""
    named = Path(environment.get(variable, ""))
    if named.is_absolute():  # the specification: relative paths are to be ignored
        return named / "shirase"
    home = Path(environment.get("HOME", ""))
    return home / below_home / "shirase" if home.is_absolute() else None


def find_config_dir(named: Path | None, here: Path) -> Path:
    """The settings' folder: the named one, else `config` under `here`, else the checkout's, else the package's copy."""
    if named is not None:
        return named
    for candidate in (here / "config", _PACKAGE.parent / "config"):
        if (candidate / _MARK).is_file():
            return candidate
    return _PACKAGE / "_config"


def invocation_of(context: typer.Context) -> Invocation:
    """The global options of the call that `context` belongs to."""
    found = context.find_object(Invocation)
    if found is None:  # a command's function called without the app around it
        raise TypeError("no Invocation in this context")
    return found
