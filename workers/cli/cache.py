"""`shirase cache`: what lies in the cache server, and how to clear it. Only what is ours, by the prefix of its keys."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workers.cli.invocation import invocation_of
from workers.cli.output import AsJson, print_json, print_table
from workers.errors import ConfigError

if TYPE_CHECKING:
    from workers.adapters.redis_browse import KeptValue, RedisBrowser
    from workers.settings import Settings

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="Look at the cache of lookups, and clear it.")
_COLUMNS = ("kind", "provider", "entries", "fresh", "stale", "nothing_known", "unreadable", "bytes", "memory")


def register(app: typer.Typer) -> None:
    """Add `cache` to the program."""
    app.add_typer(_group, name="cache")


@_group.callback()
def _cache() -> None:
    """Look at the cache of lookups, and clear it."""


@_group.command("stats")
def stats(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Count what the cache holds, per kind and provider: entries by state, bytes of values, memory in the server."""
    settings = invocation_of(context).settings()
    with _browser(settings) as browser:
        rows = _counted(browser.values("lookup:*"))
        server = browser.server()
    if as_json:
        print_json({"entries": rows, "server": server})
        return
    print_table("Cached lookups", _COLUMNS, rows)
    asked = (server["keyspace_hits"] or 0) + (server["keyspace_misses"] or 0)
    share = f"{(server['keyspace_hits'] or 0) / asked:.0%} of reads hit" if asked else "nothing read yet"
    limit = f" of {server['maxmemory']:,}" if server["maxmemory"] else ""
    typer.echo(f"server: {server['used_memory']:,} bytes{limit} used, {server['evicted_keys']:,} evicted, {share}")


@_group.command("forget")
def forget(
    context: typer.Context,
    *,
    kind: Annotated[str | None, typer.Option(help="Only answers of this kind.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only answers of this provider.")] = None,
    key: Annotated[str | None, typer.Option(help="Only answers about this key.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All answers of all providers.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete answers from the cache server; they are asked for anew when they are needed.

    Workers go on serving what they hold in memory for up to cache.process_ttl_ms.
    """
    if not everything and (kind, provider, key) == (None, None, None):
        raise typer.BadParameter("say which answers, by --kind, --provider or --key, or --all")
    from workers.adapters.redis_browse import literal
    from workers.enrich.rows import stored_name

    parts = ["*" if part is None else literal(part) for part in (kind, provider, None, key and stored_name(key))]
    settings = invocation_of(context).settings()
    with _browser(settings) as browser:
        deleted = browser.forget(browser.keys("lookup:*:" + ":".join(parts)))
    if as_json:
        print_json({"deleted": deleted})
    else:
        typer.echo(f"{deleted} deleted")


@contextmanager
def _browser(settings: Settings) -> Iterator[RedisBrowser]:
    from workers.adapters.redis_browse import RedisBrowser
    from workers.settings import read_secret

    redis = settings.redis
    if redis.url is None:
        raise ConfigError(
            "shirase.toml", "redis.url", None, "a cache server: without one the cache is the worker's own"
        )
    password = None if redis.password_file is None else read_secret(redis.password_file, "redis.password_file")
    browser = RedisBrowser(redis, password)
    try:
        yield browser
    finally:
        browser.close()


def _counted(values: Iterator[KeptValue]) -> list[dict[str, Any]]:
    from workers.enrich.rows import address_of

    counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    now_ms = int(time.time() * 1000)
    for kept in values:
        address = address_of(kept.key)
        if address is not None:
            count = counts[address.kind, address.provider]
            count.update(
                {"entries": 1, "bytes": len(kept.value or b""), "memory": kept.memory, _state(kept, now_ms): 1}
            )
    return [
        {"kind": kind, "provider": provider} | {column: count[column] for column in _COLUMNS[2:]}
        for (kind, provider), count in sorted(counts.items())
    ]


def _state(kept: KeptValue, now_ms: int) -> str:
    from workers.enrich.entries import decode_entry

    entry = None if kept.value is None else decode_entry(kept.value)
    if entry is None:
        return "unreadable"
    if entry.value is None:
        return "nothing_known"
    return "fresh" if now_ms < entry.expiry.soft_at_ms else "stale"
