"""`shirase rules`: the behaviour cases against the reader, and the routes against what the reader can say. Contacts nobody.

Writes one file, `cases/floor.toml`, and only when asked to record.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workers.cli.invocation import invocation_of
from workers.cli.output import AsJson, print_json, print_table, printable
from workers.errors import ConfigError

if TYPE_CHECKING:
    from workers.classify.case_figures import Figures
    from workers.classify.cases import Case, Verdict
    from workers.knowledge import Knowledge
    from workers.settings import Settings

__all__ = ["judge_cases", "read_case_files", "register", "shortfalls_of"]

_FLOOR = "floor.toml"
_COLUMNS = ("class", "cases", "right", "share", "precision", "recall", "missed", "invented", "others")
_group = typer.Typer(no_args_is_help=True, help="Try the rules that read the text.")


def register(app: typer.Typer) -> None:
    """Add `rules` to the program."""
    app.add_typer(_group, name="rules")


@_group.callback()
def _rules() -> None:
    """Try the rules that read the text."""


@_group.command("test")
def run_cases(
    context: typer.Context,
    *,
    class_name: Annotated[
        str | None, typer.Option("--class", metavar="NAME", help="Only the cases of one class.")
    ] = None,
    failing: Annotated[
        bool, typer.Option("--failing", help="Also print what is wrong with each failing case.")
    ] = False,
    record: Annotated[bool, typer.Option("--record", help="Write today's figures as the new floor.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read every behaviour case and compare with what a careful reader would say.

    Ends with 0, or with 1 when attackers' precision or recall, or a class's share of right cases, falls below the
    floor in cases/floor.toml, or when a route names something that no event can hold. A case that fails today stays
    in and counts.
    """
    settings = invocation_of(context).settings()
    if record and class_name:
        raise typer.BadParameter("the floor is recorded over all classes", param_hint="--record")
    verdicts, routes = _run(settings, class_name)
    below = _record(settings, verdicts) if record else shortfalls_of(settings, verdicts, overall=class_name is None)
    if as_json:
        print_json(_report(verdicts, routes, below))
    else:
        _print(verdicts, [*routes, *below], failing=failing)
    if routes or below:
        raise typer.Exit(1)


def read_case_files(folder: Path) -> list[Case]:
    """Every case of `folder`, by file name. Raises ConfigError, also where two cases have one id."""
    from workers.classify.cases import parse_cases

    paths = sorted(path for path in folder.glob("*.toml") if path.name != _FLOOR)
    cases = [case for path in paths for case in parse_cases(str(path), _text(path))]
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise ConfigError(str(folder), "id", case.id, "an id that no other case has")
        seen.add(case.id)
    if not cases:
        raise ConfigError(str(folder), "cases", None, "at least one file of cases")
    return cases


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(str(path), "file", str(problem), "a readable file in UTF-8") from problem


def judge_cases(cases: Sequence[Case], knowledge: Knowledge) -> list[Verdict]:
    """What a reader with `knowledge` makes of each case."""
    from workers.classify import Reader
    from workers.classify.cases import judge

    reader = Reader(knowledge)
    return [judge(case, reader.read(case.item())) for case in cases]


def _run(settings: Settings, class_name: str | None) -> tuple[list[Verdict], list[str]]:
    from workers.cli.route_words import unknown_words
    from workers.knowledge import load_knowledge

    cases = read_case_files(settings.config_dir / "cases")
    if class_name is not None:
        cases = _of_class(cases, class_name)
    knowledge = load_knowledge(settings.config_dir, settings.knowledge.cache_dir, settings.knowledge.data_dir)
    return judge_cases(cases, knowledge), list(unknown_words(settings.routes, knowledge))


def _of_class(cases: Sequence[Case], name: str) -> list[Case]:
    chosen = [case for case in cases if case.cls == name]
    if not chosen:
        known = ", ".join(sorted({case.cls for case in cases}))
        raise typer.BadParameter(f"no class {name}; there are {known}", param_hint="--class")
    return chosen


def shortfalls_of(settings: Settings, verdicts: Sequence[Verdict], *, overall: bool) -> list[str]:
    """In words, what falls below the recorded floor; `overall`: over all classes too. Raises ConfigError."""
    from workers.classify.case_figures import parse_floor, shortfalls

    path = settings.config_dir / "cases" / _FLOOR
    return list(shortfalls(parse_floor(str(path), _text(path)), verdicts, overall=overall))


def _record(settings: Settings, verdicts: Sequence[Verdict]) -> list[str]:
    from workers.classify.case_figures import floor_of, floor_text

    path = settings.config_dir / "cases" / _FLOOR
    try:
        path.write_text(floor_text(floor_of(verdicts)), encoding="utf-8")
    except OSError as error:
        typer.echo(f"shirase: {error}", err=True)
        raise typer.Exit(1) from error
    return []


def _print(verdicts: Sequence[Verdict], problems: Sequence[str], *, failing: bool) -> None:
    from workers.classify.case_figures import figures_by_class, figures_of

    rows = [_row(cls, figures) for cls, figures in figures_by_class(verdicts).items()]
    print_table("Behaviour cases", _COLUMNS, [*rows, _row("all", figures_of(verdicts))])
    if failing:
        for verdict in verdicts:
            _print_faults(verdict)
    for problem in problems:
        typer.echo(f"shirase: {printable(problem)}", err=True)


def _print_faults(verdict: Verdict) -> None:
    if verdict.right:
        return
    case = verdict.case
    typer.echo(f"\n{case.cls} {case.id}: {printable(case.why)}")
    typer.echo(f"  {printable(' | '.join(part for part in (case.title, case.body) if part))}")
    for fault in verdict.faults:
        typer.echo(f"  {fault.kind}: {printable(fault.says)}")


def _row(cls: str, figures: Figures) -> dict[str, Any]:
    shares = {name: f"{getattr(figures, name):.3f}" for name in ("share", "precision", "recall")}
    counts = {name: getattr(figures, name) for name in ("cases", "right", "missed", "invented", "others")}
    return {"class": cls} | counts | shares


def _report(verdicts: Sequence[Verdict], routes: Sequence[str], below: Sequence[str]) -> dict[str, Any]:
    from workers.classify.case_figures import figures_by_class, figures_of

    failing = [
        {"id": v.case.id, "class": v.case.cls, "why": v.case.why, "faults": v.faults} for v in verdicts if not v.right
    ]
    return {
        "ok": not routes and not below,
        "overall": _numbers(figures_of(verdicts)),
        "classes": {cls: _numbers(figures) for cls, figures in figures_by_class(verdicts).items()},
        "below_floor": list(below),
        "routes": list(routes),
        "failing": failing,
    }


def _numbers(figures: Figures) -> dict[str, Any]:
    names = ("cases", "right", "share", "precision", "recall", "missed", "invented", "others")
    return {name: getattr(figures, name) for name in names}
