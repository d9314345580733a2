"""`shirase alerts`: what was raised, what was held back, taking note, and what today's rules would say of the past."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from workers.cli.invocation import invocation_of
from workers.cli.output import AsJson, print_json, print_table, printable

if TYPE_CHECKING:
    from workers.alerter.rules import AlertRules
    from workers.cli.alert_records import Known
    from workers.model import Record, TaggedEvent
    from workers.settings import Settings

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="Look at alerts, take note of them, and try the rules on the past.")
_DEFAULT_REPLAY = "7d"
_SHORT_ID = 8
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="A date or time such as 2026-05-01, or a span: 90m, 24h, 7d."),
]
Suppressed = Annotated[bool, typer.Option("--suppressed", help="Also those that were held back, and by what.")]


def register(app: typer.Typer) -> None:
    """Add `alerts` to the program."""
    app.add_typer(_group, name="alerts")


@_group.callback()
def _alerts() -> None:
    """Look at alerts, take note of them, and try the rules on the past."""


@_group.command("list")
def list_alerts(
    context: typer.Context,
    *,
    since: Since = None,
    reason: Annotated[
        list[str] | None,
        typer.Option("--reason", help="new-story, corroborated, escalated or surge. May be given several times."),
    ] = None,
    suppressed: Suppressed = False,
    with_acked: Annotated[bool, typer.Option("--with-acked", help="Also those that somebody took note of.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the alerts that nobody has taken note of, the oldest first."""
    from workers.cli.alert_records import choose_alerts

    settings = invocation_of(context).settings()
    found = choose_alerts(_known(settings, suppressed=suppressed), _moment(since), reason or [])
    _show([one for one in found if with_acked or one.ack is None], suppressed=suppressed, as_json=as_json)


@_group.command("show")
def show(
    context: typer.Context,
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="An alert's id, or how it begins.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show one alert: what is new, about whom, from where, and who took note."""
    one = _one(_known(invocation_of(context).settings(), suppressed=True), alert_id)
    if as_json:
        print_json(_plain(one))
        return
    for name, value in _details(one).items():
        typer.echo(f"{name}: {printable(value)}")


@_group.command("ack")
def ack(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Alerts, by id or how it begins.")],
    *,
    note: Annotated[str | None, typer.Option("--note", help="What was found, in a few words.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who took note. Not given: the user who calls.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take note of alerts: they no longer stand in the list, for anybody. Nothing is deleted."""
    from workers.adapters.kafka_browse import open_writer
    from workers.cli.alert_records import ack_record
    from workers.model.alert_ack import AlertAck

    settings = invocation_of(context).settings()
    known = _known(settings, suppressed=True)
    who, at = by or getpass.getuser(), datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    acks = [AlertAck(alert_id=_one(known, wanted).alert.id, by=who, at=at, note=note) for wanted in ids]
    with open_writer(settings.kafka, settings.alerter.acks) as writer:
        writer.write([ack_record(settings.alerter.acks, one) for one in acks])
    if as_json:
        print_json({"acked": [one.alert_id for one in acks]})
        return
    typer.echo(f"{len(acks)} noted by {who}")


@_group.command("replay")
def replay(
    context: typer.Context,
    *,
    since: Since = _DEFAULT_REPLAY,
    suppressed: Suppressed = False,
    as_json: AsJson = False,
) -> None:
    """Show what today's rules would have raised on the tagged events since then. Sends and stores nothing.

    The fold begins with nothing: a story that was under way before is new here, and a surge needs its days of history.
    """
    from workers.alerter.replay import replay as replayed
    from workers.alerter.rules import build_rules
    from workers.cli.alert_records import Known
    from workers.settings.alerts import load_alert_settings

    settings = invocation_of(context).settings()
    rules = build_rules(load_alert_settings(settings.config_dir))
    found: list[Known] = []
    for result in replayed(_watched_events(settings, rules, _moment(since)), rules):
        found += [Known(alert=alert, cause=None, ack=None) for alert in result.alerts]
        if suppressed:
            found += [Known(alert=one.alert, cause=one.cause, ack=None) for one in result.suppressed]
    _show(found, suppressed=suppressed, as_json=as_json)


@_group.command("resend")
def resend(
    context: typer.Context,
    sink: Annotated[str, typer.Argument(metavar="SINK", help="A webhook's name in webhooks.toml.")],
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID…", help="Not given: all that it did not take.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Send a webhook once more what it did not take in time."""
    from workers.cli.alert_resend import resend_all

    sent, failed = resend_all(invocation_of(context).settings(), sink, ids or [])
    if as_json:
        print_json({"sent": sent, "failed": failed})
    else:
        typer.echo(f"{len(sent)} sent, {len(failed)} failed")
        for one, code in failed.items():
            typer.echo(f"{one}: {code}", err=True)
    if failed:
        raise typer.Exit(1)


def _moment(text: str | None) -> datetime | None:
    from workers.cli.alert_records import parse_since

    if text is None:
        return None
    try:
        return parse_since(text, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is neither a date or time nor a span such as 24h", param_hint="--since"
        ) from error


def _known(settings: Settings, *, suppressed: bool) -> list[Known]:
    from workers.adapters.kafka_browse import read_whole_topic
    from workers.cli.alert_records import acks_of, known_alerts

    alerter = settings.alerter
    acks = acks_of(read_whole_topic(settings.kafka, alerter.acks))
    records = list(read_whole_topic(settings.kafka, alerter.alerts))
    if suppressed:
        records += read_whole_topic(settings.kafka, alerter.suppressed)
    return known_alerts(records, acks)


def _one(known: Sequence[Known], wanted: str) -> Known:
    from workers.cli.alert_records import pick

    found = pick(known, wanted)
    if found is None:
        typer.echo(f"shirase: no alert, or more than one, has an id that begins with {wanted}", err=True)
        raise typer.Exit(1)
    return found


def _watched_events(settings: Settings, rules: AlertRules, since: datetime | None) -> Iterator[TaggedEvent]:
    """The watched events in the order in which they were made; only those are kept in memory."""
    from workers.adapters.kafka_browse import read_whole_topic

    kept: list[tuple[str, str, TaggedEvent]] = []
    for record in read_whole_topic(settings.kafka, settings.tagger.output):
        event = _watched(record, rules, since)
        if event is not None:
            kept.append((event.provenance.processed_at, event.id, event))
    yield from (event for _, _, event in sorted(kept, key=lambda one: one[:2]))


def _watched(record: Record, rules: AlertRules, since: datetime | None) -> TaggedEvent | None:
    from workers.alerter.digest import digest
    from workers.alerter.digesting import read_event
    from workers.errors import ItemError

    if since is not None and record.timestamp_ms < since.timestamp() * 1000:
        return None
    try:
        event = read_event(record.value)
    except ItemError:
        return None  # it stands among the dead letters
    return event if digest(event, rules) else None


def _show(found: Sequence[Known], *, suppressed: bool, as_json: bool) -> None:
    from workers.cli.alert_lines import ALERT_COLUMNS

    if as_json:
        for one in found:
            print_json(_plain(one))
        return
    columns = ["id", "raised_utc", *ALERT_COLUMNS, *(["suppressed_by"] if suppressed else [])]
    print_table("Alerts", columns, [_row(one) for one in found])


def _row(one: Known) -> dict[str, str]:
    from workers.cli.alert_lines import alert_row

    alert = one.alert
    raised = alert.raised_at[:16].replace("T", " ")
    shown = {"id": alert.id[:_SHORT_ID], "raised_utc": raised, "suppressed_by": one.cause or ""}
    return shown | alert_row(alert)


def _plain(one: Known) -> dict[str, Any]:
    return {"suppressed_by": one.cause, "ack": one.ack, "alert": one.alert}


def _details(one: Known) -> dict[str, str]:
    from workers.cli.alert_lines import alert_row

    alert = one.alert
    found = {
        "id": alert.id,
        "raised at": alert.raised_at,
        **alert_row(alert),
        "what is new": ", ".join(alert.changes),
        "tlp": alert.tlp or "not known",
        "story": f"{alert.story.id}, since {alert.story.first_seen}",
        "link": alert.item.url or "",
        "event": alert.event_id,
        "routes": ", ".join(alert.routes),
        "suppressed by": one.cause or "",
        "noted": ""
        if one.ack is None
        else f"by {one.ack.by} at {one.ack.at}" + (f": {one.ack.note}" if one.ack.note else ""),
        "evidence": "; ".join(f"“{piece.quote}”" for attacker in alert.attackers for piece in attacker.evidence),
    }
    return {name: str(msgspec.to_builtins(value)) for name, value in found.items() if value}
