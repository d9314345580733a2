"""`shirase tail`: what comes out of the stream, as it comes. Reads without a consumer group: it disturbs nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.invocation import invocation_of
from workers.cli.output import printable

if TYPE_CHECKING:
    from workers.model import Record, TaggedEvent

__all__ = ["Wanted", "register"]

_WIDEST_VALUE = 200
_TAGGED_TYPE = ("ce_type", b"org.shirase.tagged.v1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which events are shown: each condition that is given must hold."""

    countries: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()
    sectors: frozenset[str] = frozenset()
    min_score: float = 0.0

    def has_conditions(self) -> bool:
        """Whether anything at all is asked of an event."""
        return bool(self.countries or self.targets or self.sectors or self.min_score)

    def takes(self, event: TaggedEvent) -> bool:
        """Whether the event meets the conditions. Country and score must be those of one and the same attacker."""
        attackers = [
            one
            for one in event.attackers
            if one.score >= self.min_score and (not self.countries or one.country in self.countries)
        ]
        return (
            (bool(attackers) or not (self.countries or self.min_score))
            and (not self.targets or any(target.code in self.targets for target in event.targets.countries))
            and (not self.sectors or any(sector.id in self.sectors for sector in event.targets.sectors))
        )


def register(app: typer.Typer) -> None:
    """Add `tail` to the program."""
    app.command("tail")(tail)


def tail(  # noqa: PLR0913 - the options of a command
    context: typer.Context,
    topic: Annotated[
        str | None, typer.Argument(metavar="TOPIC", help="The topic to follow. Not given: all tagged events.")
    ] = None,
    *,
    country: Annotated[
        list[str] | None,
        typer.Option("--country", metavar="CC", help="Only events with an attacker of this country, such as CN."),
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", metavar="CC", help="Only events against this country, such as JP.")
    ] = None,
    sector: Annotated[
        list[str] | None, typer.Option("--sector", metavar="ID", help="Only events against this sector.")
    ] = None,
    min_score: Annotated[
        float, typer.Option("--min-score", min=0, max=1, help="Only events with an attacker at least so sure.")
    ] = 0.0,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Start with the oldest record instead of with what comes next.")
    ] = False,
    follow: Annotated[bool, typer.Option(help="Wait for more at the end of the topic, until Ctrl-C.")] = True,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Stop after so many are shown.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each record as JSON, one a line.")] = False,
) -> None:
    """Show what is in a topic and follow what comes.

    Tagged events are shown as who attacks whom; records of other topics as they are. --country, --target, --sector
    and --min-score choose among tagged events; given twice, either will do.
    """
    from workers.adapters.kafka_browse import open_reader

    settings = invocation_of(context).settings()
    wanted = Wanted(
        countries=frozenset(code.upper() for code in country or []),
        targets=frozenset(code.upper() for code in target or []),
        sectors=frozenset(sector or []),
        min_score=min_score,
    )
    records = open_reader(settings.kafka, topic or settings.tagger.output, from_beginning=from_beginning, follow=follow)
    _show(_shown(records, wanted, _json_line if as_json else _readable_line), limit)


def _show(lines: Iterable[str], limit: int | None) -> None:
    try:
        for number, line in enumerate(lines, 1):
            typer.echo(line)
            if number == limit:
                return
    except KeyboardInterrupt:
        return  # the way to end it, not a fault


def _shown(
    records: Iterable[Record], wanted: Wanted, line: Callable[[Record, TaggedEvent | None], str]
) -> Iterator[str]:
    for record in records:
        event = _event_of(record)
        if (event is None and not wanted.has_conditions()) or (event is not None and wanted.takes(event)):
            yield line(record, event)


def _event_of(record: Record) -> TaggedEvent | None:
    import msgspec

    from workers.model import TaggedEvent

    if _TAGGED_TYPE not in record.headers or record.value is None:
        return None
    try:
        return msgspec.json.decode(record.value, type=TaggedEvent)
    except msgspec.DecodeError:
        return None


def _json_line(record: Record, event: TaggedEvent | None) -> str:
    import msgspec

    if event is not None and record.value is not None:
        return record.value.decode()
    from workers.cli.dead_letters import readable_bytes

    return msgspec.json.encode(
        {
            "topic": record.partition.topic,
            "partition": record.partition.number,
            "offset": record.offset,
            "timestamp_ms": record.timestamp_ms,
            **readable_bytes("key", record.key),
            **readable_bytes("value", record.value),
            "headers": [{"name": name, **readable_bytes("value", value)} for name, value in record.headers],
        }
    ).decode()


def _readable_line(record: Record, event: TaggedEvent | None) -> str:
    if event is not None:
        from workers.cli.event_lines import plain_line

        return plain_line(event)
    from workers.cli.dead_letters import retried_id
    from workers.formats.dead_letter import parse_dead_letter

    again = retried_id(record)
    if again is not None:
        return printable(f"{again}: retried")
    info = parse_dead_letter(record)
    if info is not None:
        return printable(f"{info.id}: {info.code}: {info.detail}")
    value = "(no value)" if record.value is None else record.value.decode("utf-8", "replace")
    return f"{record.partition.number}-{record.offset}: {printable(value[:_WIDEST_VALUE])}"
