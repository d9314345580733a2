"""`shirase dlq`: look at dead letters and put them back. How a retry stays a single one: see `dead_letters`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.invocation import invocation_of
from workers.cli.output import AsJson, print_json, print_table, printable

if TYPE_CHECKING:
    from workers.cli.dead_letters import Letter
    from workers.settings import Settings

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="Look at dead letters, and put them back into the stream.")
_BATCH = 200
_CUT = "kept cut because of its size, it stands whole at its origin only"

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Dead letters, by the id that `dlq list` shows.")]
Codes = Annotated[
    list[str] | None, typer.Option("--code", metavar="CODE", help="All with this reason. May be given several times.")
]


def register(app: typer.Typer) -> None:
    """Add `dlq` to the program."""
    app.add_typer(_group, name="dlq")


@_group.callback()
def _dlq() -> None:
    """Look at dead letters, and put them back into the stream.

    A dead letter is a record that the worker could not read. It waits in a topic of its own, byte for byte as it
    came, with the reason and the place it came from.
    """


@_group.command("list")
def list_letters(
    context: typer.Context,
    *,
    code: Codes = None,
    with_retried: Annotated[bool, typer.Option("--with-retried", help="Show those already retried, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the dead letters that wait for somebody."""
    from workers.cli.dead_letters import choose, described

    found = choose(_letters(invocation_of(context).settings()), [], code or [])
    shown = [one for one in found if with_retried or not one.retried]
    if as_json:
        for one in shown:
            print_json(described(one))
        return
    print_table("Dead letters", ("id", "code", "attempts", "retried", "detail"), [_row(one) for one in shown])


@_group.command("show")
def show(
    context: typer.Context,
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="The id that `dlq list` shows.")],
    *,
    raw: Annotated[bool, typer.Option("--raw", help="Write the original bytes and nothing else.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: why it failed, where it came from, and what it holds."""
    from workers.cli.dead_letters import described

    (one,) = _wanted(_letters(invocation_of(context).settings()), [letter_id], [])
    if raw:
        sys.stdout.buffer.write(one.record.value or b"")
    elif as_json:
        print_json(described(one))
    else:
        for name, value in described(one).items():
            if name != "headers":
                typer.echo(f"{name}: {printable(str(value))}")


@_group.command("retry")
def retry(
    context: typer.Context,
    ids: Ids = None,
    *,
    code: Codes = None,
    everything: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    edit: Annotated[
        bool, typer.Option("--edit", help="Open each in $EDITOR first. An empty file leaves it where it is.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put dead letters back into the topics they came from, as they were or mended by hand.

    Say which: by id, by --code, or --all. Each is put back once: what was retried is marked, and a record that fails
    again comes back as a new dead letter.
    """
    if sum((bool(ids), bool(code), everything)) != 1:
        raise typer.BadParameter("say which dead letters: by id, by --code, or --all", param_hint="ID, --code or --all")
    settings = invocation_of(context).settings()
    done = _retry(settings, ids or [], code or [], edit=edit)
    if as_json:
        print_json({"retried": [one.info.id for one in done]})
        return
    for one in done:
        typer.echo(f"retried {one.info.id} ({one.info.code}) to {one.info.origin.topic}")
    typer.echo(f"{len(done)} retried")


def _retry(settings: Settings, ids: list[str], codes: list[str], *, edit: bool) -> list[Letter]:
    """The session is opened before the topic is read: see `workers.adapters.kafka_retry`."""
    from workers.adapters.kafka_retry import RetrySession
    from workers.cli.dead_letters import retry_outputs

    with RetrySession(settings.kafka) as session:
        wanted = _wanted(_letters(settings), ids, codes)
        if ids:
            _refuse_if("already retried", [one for one in wanted if one.retried])
            _refuse_if(_CUT, [one for one in wanted if not one.is_whole])
        again = [one for one in wanted if one.is_whole and not one.retried]
        _warn_if(_CUT, [one for one in wanted if not one.is_whole])
        values = [(one, _edited(one) if edit else one.record.value) for one in again]
        chosen = [(one, value) for one, value in values if not edit or value]
        for start in range(0, len(chosen), _BATCH):
            outputs = [retry_outputs(one, value, settings.tagger.dead_letter) for one, value in chosen[start:][:_BATCH]]
            session.publish([record for pair in outputs for record in pair])
    return [one for one, _ in chosen]


def _letters(settings: Settings) -> list[Letter]:
    from workers.adapters.kafka_browse import read_whole_topic
    from workers.cli.dead_letters import letters_of

    return letters_of(read_whole_topic(settings.kafka, settings.tagger.dead_letter))


def _wanted(letters: list[Letter], ids: list[str], codes: list[str]) -> list[Letter]:
    from workers.cli.dead_letters import choose

    missing = set(ids) - {one.info.id for one in letters}
    if missing:
        _refuse(f"no such dead letter: {', '.join(sorted(missing))}")
    return choose(letters, ids, codes)


def _refuse_if(reason: str, letters: list[Letter]) -> None:
    _warn_if(reason, letters)
    if letters:
        raise typer.Exit(1)


def _warn_if(reason: str, letters: list[Letter]) -> None:
    if letters:
        typer.echo(f"shirase: {reason}: {', '.join(one.info.id for one in letters)}", err=True)


def _refuse(message: str) -> None:
    typer.echo(f"shirase: {message}", err=True)
    raise typer.Exit(1)


def _edited(letter: Letter) -> bytes:
    """What the operator's editor leaves of the letter's bytes."""
    import os
    import shlex
    import subprocess
    import tempfile

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise typer.BadParameter("set EDITOR to the program that shall open the record", param_hint="--edit")
    with tempfile.TemporaryDirectory(prefix="shirase-") as folder:
        file = Path(folder) / f"{letter.info.id}.json"
        file.write_bytes(letter.record.value or b"")
        done = subprocess.run([*shlex.split(editor), str(file)], check=False)  # noqa: S603 - the user's own editor
        if done.returncode != 0:
            _refuse(f"{editor} ended with {done.returncode}: nothing was retried")
        return file.read_bytes().rstrip(b"\r\n")


def _row(one: Letter) -> dict[str, str]:
    info = one.info
    return {
        "id": info.id,
        "code": info.code,
        "attempts": str(info.attempts),
        "retried": "yes" if one.retried else "no",
        "detail": info.detail,
    }
