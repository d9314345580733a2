"""`shirase lookup`: one question, asked by hand, of all providers of its kind."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workers.cli.invocation import invocation_of
from workers.cli.output import AsJson, print_json, print_table
from workers.errors import ConfigError
from workers.model import Tlp

if TYPE_CHECKING:
    from workers.enrich.by_hand import HandAnswer
    from workers.knowledge import Knowledge
    from workers.settings import LookupSettings, Settings

__all__ = ["register", "type_of"]

_COLUMNS = ("provider", "status", "value", "from", "age", "fresh_for", "kept_for", "reason")
_HASHES = {32: "file-hash-md5", 40: "file-hash-sha1", 64: "file-hash-sha256"}
_ANSWERS = {"found", "stale"}


def register(app: typer.Typer) -> None:
    """Add `lookup` to the program."""
    app.command("lookup")(lookup)


def lookup(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="cve, actor, technique, indicator, asn or source.")],
    key: Annotated[
        str, typer.Argument(help="What to ask about: CVE-2026-1234, evil.example, T1566, a group's name or id …")
    ],
    *,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Ask the provider, whatever the cache holds, and store nothing.")
    ] = False,
    tlp: Annotated[
        Tlp, typer.Option(help="How the key is marked: providers with a lower ceiling are not asked.")
    ] = Tlp.CLEAR,
    as_json: AsJson = False,
) -> None:
    """Ask all enabled providers of KIND about KEY, and show answer, source, age and time to live.

    The exit code is 0 when somebody knows something, 1 when nobody does.
    """
    settings = invocation_of(context).settings()
    answers = _answers(settings, kind, key.strip(), tlp, use_cache=not no_cache)
    if as_json:
        print_json([_plain(answer) for answer in answers])
    else:
        print_table(f"{kind} {key}", _COLUMNS, [_row(answer) for answer in answers])
    if not any(answer.lookup.status in _ANSWERS for answer in answers):
        raise typer.Exit(1)


def type_of(key: str) -> str:
    """The type of indicator that `key` looks like."""
    try:
        return f"ipv{ipaddress.ip_address(key).version}-addr"
    except ValueError:
        pass
    if len(key) in _HASHES and all(char in "0123456789abcdef" for char in key.lower()):
        return _HASHES[len(key)]
    if "://" in key:
        return "url"
    return "email-addr" if "@" in key else "domain-name"


def _answers(settings: Settings, kind: str, key: str, tlp: Tlp, *, use_cache: bool) -> list[HandAnswer]:
    from workers.adapters.process import SystemClock
    from workers.cli.wiring_lookups import build_rows, needs_knowledge
    from workers.enrich.by_hand import ask_by_hand
    from workers.telemetry import NullTelemetry

    chosen = _chosen(settings, kind, key)
    knowledge = _knowledge(settings) if any(map(needs_knowledge, chosen)) else None
    if knowledge is not None and kind == "actor":
        key = _actor_id(knowledge, key)
    asked = replace(settings, lookups=tuple(chosen))
    rows, tools = build_rows(asked, knowledge, NullTelemetry(), SystemClock())
    try:
        return ask_by_hand(rows, tools, _normal(kind, key), tlp, use_cache=use_cache)
    finally:
        tools.closing.set()
        for close in tools.closers:
            close()


def _chosen(settings: Settings, kind: str, key: str) -> list[LookupSettings]:
    from workers.enrich.planner import KINDS, types_of

    if kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(sorted(KINDS))}")
    rows = [row for row in settings.lookups if row.enabled and row.kind == kind]
    if kind in {"indicator", "asn"}:
        rows = [row for row in rows if type_of(key) in types_of(kind, row.types)]
    if not rows:
        what = f"{kind} ({type_of(key)})" if kind in {"indicator", "asn"} else kind
        raise ConfigError("lookups.toml", "lookup", what, "a row of this kind that is enabled")
    return rows


def _normal(kind: str, key: str) -> str:
    if kind in {"cve", "technique"}:
        return key.upper()
    return key.lower() if kind == "source" or type_of(key).startswith(("domain", "file")) else key


def _knowledge(settings: Settings) -> Knowledge:
    from workers.knowledge import load_knowledge

    return load_knowledge(settings.config_dir, settings.knowledge.cache_dir, settings.knowledge.data_dir)


def _actor_id(knowledge: Knowledge, key: str) -> str:
    """The id of the group that is called so, `key` itself where none is."""
    wanted = key.casefold()
    for uuid, actor in knowledge.actors.items():
        if wanted in {uuid, actor.name.casefold(), (actor.attack_id or "").casefold()}:
            return uuid
    named = (uuid for uuid, actor in knowledge.actors.items() if wanted in map(str.casefold, actor.aliases))
    return next(named, key)


def _age_s(answer: HandAnswer) -> float | None:
    if answer.lookup.fetched_at is None:
        return None
    born = datetime.fromisoformat(answer.lookup.fetched_at).astimezone(UTC)
    return max(0.0, time.time() - born.timestamp())


def _plain(answer: HandAnswer) -> dict[str, Any]:
    looked = answer.lookup
    return {
        "kind": looked.kind,
        "key": looked.key,
        "status": looked.status.value,
        "source": looked.source,
        "value": looked.value,
        "fetched_at": looked.fetched_at,
        "from": answer.origin,
        "age_s": _age_s(answer),
        "fresh_for_s": answer.fresh_for_s,
        "kept_for_s": answer.kept_for_s,
        "reason": answer.reason,
    }


def _row(answer: HandAnswer) -> dict[str, str]:
    plain = _plain(answer)
    times = {"age": plain["age_s"], "fresh_for": answer.fresh_for_s, "kept_for": answer.kept_for_s}
    return {
        "provider": str(plain["source"]),
        "status": str(plain["status"]),
        "value": _shown(plain["value"] or {}),
        "from": str(plain["from"] or ""),
        "reason": str(plain["reason"] or ""),
    } | {name: "" if seconds is None else _span(seconds) for name, seconds in times.items()}


def _shown(value: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {_text(part)}" for name, part in value.items() if part not in (None, []))


def _text(part: Any) -> str:
    return ", ".join(map(str, part)) if isinstance(part, Sequence) and not isinstance(part, str) else str(part)


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
