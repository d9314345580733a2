"""`shirase config`: is the configuration usable, and if not, where is it wrong. Contacts nobody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from workers.cli.invocation import Invocation, invocation_of
from workers.cli.output import AsJson, print_json
from workers.errors import ConfigError

if TYPE_CHECKING:
    from workers.settings import Settings

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="Look at the configuration.")


def register(app: typer.Typer) -> None:
    """Add `config` to the program."""
    app.add_typer(_group, name="config")


@_group.callback()
def _config() -> None:
    """Look at the configuration."""


@_group.command("check")
def check(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Check every setting, table and secret file, without contacting anything.

    Prints ok and ends with 0, or names file, key, value and what was expected and ends with 78.
    """
    invocation = invocation_of(context)
    try:
        settings = _checked(invocation)
    except ConfigError as error:
        if as_json:
            print_json(_fault(error))
        raise
    facts = _facts(invocation, settings)
    if as_json:
        print_json({"ok": True} | facts)
        return
    lookups = ", ".join(facts["lookups"]) or "none"
    typer.echo(f"ok: {facts['config_dir']}: {facts['topics']} topics, {facts['routes']} routes, lookups: {lookups}")


def _checked(invocation: Invocation) -> Settings:
    from workers.settings import read_secret
    from workers.settings.alerts import load_alert_settings
    from workers.settings.webhooks import load_webhook_settings

    settings = invocation.settings()
    load_alert_settings(settings.config_dir)
    load_webhook_settings(settings.config_dir)
    secrets: list[tuple[str, Path | None]] = [
        ("kafka.sasl_password_file", settings.kafka.sasl_password_file),
        ("redis.password_file", settings.redis.password_file),
    ]
    secrets += [(f"lookup[{at}].key_file", row.key_file) for at, row in enumerate(settings.lookups) if row.enabled]
    for key, path in secrets:
        if path is not None:
            read_secret(path, key)
    return settings


def _fault(error: ConfigError) -> dict[str, Any]:
    return {
        "ok": False,
        "where": error.where,
        "key": error.key,
        "value": None if error.value is None else str(error.value),
        "expected": error.expected,
    }


def _facts(invocation: Invocation, settings: Settings) -> dict[str, Any]:
    return {
        "config_dir": str(invocation.config_dir),
        "over": None if invocation.over is None else str(invocation.over),
        "topics": len(settings.topics),
        "routes": len(settings.routes),
        "lookups": [f"{row.kind} ({row.provider})" for row in settings.lookups if row.enabled],
    }
