"""Explanations for a terminal: names in colours, each with its role, then tag by tag. Prints to standard output only.

Text from items never reaches the terminal raw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from workers.cli.output import printable

if TYPE_CHECKING:
    from workers.classify.explanation_types import (
        ExplainedAttacker,
        Explanation,
        FieldView,
        Firing,
        Mark,
        NotAttacker,
        Step,
    )

__all__ = ["print_explanation"]

_STYLES = {
    "attacker": "bold red",
    "group": "bold red",
    "target": "bold blue",
    "accuser": "magenta",
    "bystander": "dim",
    "denied": "yellow",
    "no role": "cyan",
    "not a name": "dim strike",
}
_QUOTE_LONGEST = 160
_FIRINGS_MOST = 12


def print_explanation(origin: str, explanation: Explanation, *, coloured: bool) -> None:
    """The explanation on standard output; without colours, every mark has its role in brackets behind it."""
    console = Console(highlight=False, soft_wrap=True, no_color=not coloured)
    console.rule(Text(printable(origin)), style="dim") if coloured else console.print(Text(f"== {printable(origin)}"))
    for field in explanation.fields:
        marks = [mark for mark in explanation.marks if mark.field == field.name]
        console.print(_heading(f"{field.name} ({explanation.language or 'language not known'})"))
        console.print(_marked(field, marks, coloured=coloured))
    console.print(_heading("Attackers"))
    for attacker in explanation.attackers:
        _print_lines(console, _attacker_lines(attacker))
    if not explanation.attackers:
        console.print("  none" if "attackers" in explanation.analysed else "  not looked for in this language")
    console.print(_heading("Named, and no attacker"))
    for other in explanation.not_attackers:
        _print_lines(console, _other_lines(other))
    if not explanation.not_attackers:
        console.print("  none")
    console.print(_heading("Other tags"))
    for tag in explanation.others:
        score = "" if tag.score is None else f" {tag.score:.2f}"
        proof = "; ".join(f"“{printable(row.quote)}” by {row.rule}" for row in tag.evidence[:2])
        console.print(Text(f"  {tag.kind}: {printable(tag.name)}{score}  {proof}"))
    console.print()


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _print_lines(console: Console, lines: Iterator[tuple[str, str]]) -> None:
    for line, style in lines:
        console.print(Text(line, style=style))


def _marked(field: FieldView, marks: Sequence[Mark], *, coloured: bool) -> Text:
    out = Text()
    position = 0
    for mark in sorted(marks, key=lambda mark: mark.start):
        out.append(_plain(field.text[position : mark.start]))
        out.append(_plain(mark.text), style=_STYLES.get(mark.role, ""))
        if not coloured:
            out.append(f"[{printable(mark.name)}: {mark.role}]")
        position = mark.end
    out.append(_plain(field.text[position:]))
    return out


def _plain(text: str) -> str:
    """Line by line printable: the lines of a text may stay."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _attacker_lines(explained: ExplainedAttacker) -> Iterator[tuple[str, str]]:
    attacker = explained.attacker
    yield (
        f"  {printable(explained.name)}  {attacker.score:.2f}  {attacker.stance}, {attacker.rank}, {attacker.kind}",
        "bold red",
    )
    for match in attacker.actors:
        candidates = f", one of {', '.join(match.candidates)}" if match.candidates else ""
        yield f"    actor: {printable(match.name)} (as “{printable(match.alias)}”{candidates})", ""
    for aim in attacker.objectives:
        yield f"    objective: {aim.id} {aim.score:.2f}", ""
    yield from _steps(explained.steps)
    yield from _firings("for", explained.speak_for)
    yield from _firings("against", explained.speak_against)


def _other_lines(other: NotAttacker) -> Iterator[tuple[str, str]]:
    yield f"  {printable(other.name)}", "bold"
    for reason in other.reasons:
        yield f"    {printable(reason)}", ""
    yield from _steps(other.steps)
    yield from _firings("for", [firing for firing in other.firings if firing.role == "attacker"])


def _steps(steps: Sequence[Step]) -> Iterator[tuple[str, str]]:
    for step in steps:
        yield f"    score {step.score:.2f}  {step.says}", "green"


def _firings(side: str, firings: Sequence[Firing]) -> Iterator[tuple[str, str]]:
    for firing in firings[:_FIRINGS_MOST]:
        hedged = ", hedged" if firing.hedged else ""
        quote = printable(firing.sentence)
        quote = quote if len(quote) <= _QUOTE_LONGEST else f"{quote[:_QUOTE_LONGEST]}…"
        yield (
            f"    {side}: {firing.rule} says {firing.role} of “{printable(firing.name)}” ({firing.strength:.2f}{hedged})",
            "",
        )
        yield f"      {quote}", "dim"
