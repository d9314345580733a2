"""Explanations as one self-contained page: no script, no outside resource, all text escaped, light and dark. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.classify.explanation_types import (
        ExplainedAttacker,
        Explanation,
        FieldView,
        Firing,
        Mark,
        NotAttacker,
        OtherTag,
        Step,
    )

__all__ = ["page_of"]

_LEGEND = ("attacker", "group", "target", "accuser", "bystander", "denied", "no role", "not a name")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page_of(explained: Sequence[tuple[str, Explanation]]) -> str:
    """The whole page for some items, each with its origin."""
    style = resources.files("workers.cli").joinpath("explain_page.css").read_text(encoding="utf-8")
    body = "".join(_article(origin, explanation) for origin, explanation in explained)
    legend = "".join(f'<mark class="{_class(role)}">{role}</mark> ' for role in _LEGEND)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>Why: {len(explained)} item{'' if len(explained) == 1 else 's'} read by shirase</title>\n<style>\n{style}</style>\n"
        f'</head>\n<body>\n<header><h1>Why was it tagged so?</h1><p class="legend">{legend}</p></header>\n'
        f"<main>\n{body}</main>\n</body>\n</html>\n"
    )


def _class(role: str) -> str:
    return role.replace(" ", "-")


def _article(origin: str, explanation: Explanation) -> str:
    fields = "".join(_field(field, explanation.marks) for field in explanation.fields)
    attackers = "".join(_attacker(row) for row in explanation.attackers)
    nobody = "nobody" if "attackers" in explanation.analysed else "not looked for in this language"
    others = "".join(_not_attacker(row) for row in explanation.not_attackers)
    return (
        f'<article>\n<h2>{escape(origin)} <span class="tag">{escape(explanation.language or "?")}</span></h2>\n{fields}'
        f"<h3>Attackers</h3>\n{attackers or f'<p class=none>{nobody}</p>'}"
        f"<h3>Named, and no attacker</h3>\n{f'<div class=cards>{others}</div>' if others else '<p class=none>nobody</p>'}"
        f"<h3>Other tags</h3>\n{_other_tags(explanation.others)}</article>\n"
    )


def _field(field: FieldView, marks: Iterable[Mark]) -> str:
    own = sorted((mark for mark in marks if mark.field == field.name), key=lambda mark: mark.start)
    return f'<p class="field">{escape(field.name)}</p>\n<div class="text">{"".join(_pieces(field.text, own))}</div>\n'


def _pieces(text: str, marks: Sequence[Mark]) -> Iterator[str]:
    position = 0
    for mark in marks:
        yield escape(text[position : mark.start])
        label = mark.role if mark.role == "not a name" else f"{mark.name}: {mark.role}"
        yield (
            f'<mark class="{_class(mark.role)}" title="{escape(f"{mark.name}: {mark.role}: {mark.why}")}">{escape(mark.text)}'
            f"<small>{escape(label)}</small></mark>"
        )
        position = mark.end
    yield escape(text[position:])


def _attacker(row: ExplainedAttacker) -> str:
    attacker = row.attacker
    facts = [attacker.rank, attacker.stance, attacker.kind]
    actors = [
        f"{match.name} (as “{match.alias}”)" if match.name != match.alias else match.name for match in attacker.actors
    ]
    aims = [f"{aim.id} {aim.score:.2f}" for aim in attacker.objectives]
    return (
        f'<section class="attacker-card"><h4>{escape(row.name)} <b class="score">{attacker.score:.2f}</b> '
        f"{''.join(f'<span class=tag>{escape(fact)}</span> ' for fact in facts)}</h4>"
        f"{_line('Actors', actors)}{_line('Objectives', aims)}{_steps(row.steps)}"
        f"{_firings('Rules that speak for it', row.speak_for)}{_firings('Rules that speak against it', row.speak_against)}</section>\n"
    )


def _line(title: str, values: Sequence[str]) -> str:
    return f"<p><b>{title}:</b> {escape(', '.join(values))}</p>" if values else ""


def _steps(steps: Sequence[Step]) -> str:
    rows = "".join(
        f'<li><span class="bar"><i style="width:{step.score * 100:.0f}%"></i></span><b>{step.score:.2f}</b> {escape(step.says)}</li>'
        for step in steps
    )
    return f'<ol class="steps">{rows}</ol>' if rows else ""


def _firings(title: str, firings: Sequence[Firing]) -> str:
    if not firings:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(firing.rule)}</code></td><td>{escape(firing.role)}</td>"
        f"<td>{firing.strength:.2f}{' hedged' if firing.hedged else ''}{'' if firing.decided else ' (outweighed)'}</td>"
        f"<td>{_quoted(firing)}</td></tr>"
        for firing in firings
    )
    return f'<h5>{title}</h5><div class="scroll"><table><tbody>{rows}</tbody></table></div>'


def _quoted(firing: Firing) -> str:
    before, name, after = firing.sentence.partition(firing.name)
    return f"{escape(before)}<b>{escape(name)}</b>{escape(after)}"


def _not_attacker(row: NotAttacker) -> str:
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in row.reasons)
    return f'<section class="card"><h4>{escape(row.name)}</h4><ul>{reasons}</ul>{_steps(row.steps)}</section>'


def _other_tags(tags: Sequence[OtherTag]) -> str:
    if not tags:
        return '<p class="none">none</p>'
    rows = "".join(
        f"<tr><td>{escape(tag.kind)}</td><td>{escape(tag.name)}</td><td>{'' if tag.score is None else f'{tag.score:.2f}'}</td>"
        f"<td>{'; '.join(f'“{escape(row.quote)}” <code>{escape(row.rule)}</code>' for row in tag.evidence)}</td></tr>"
        for tag in tags
    )
    return f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>'
