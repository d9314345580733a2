"""The analysis of one event as Markdown, section by section, as an analyst writes it. Pure.

Every section is there for every event: where the text says nothing the section says that, and where something was
not looked for it says so instead. Nothing is written that the event does not carry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from workers.model import ActorMatch, Attacker, Sector, TaggedEvent

__all__ = ["render_markdown"]

NONE_MENTIONED = "None explicitly mentioned"
NOT_SPECIFIED = "Not specified"
NOT_ANALYSED = "Not analysed"


def render_markdown(event: TaggedEvent) -> str:
    """The analysis summary, ending in a newline."""
    sections = (
        ("Attribution & Identity", _attribution(event)),
        ("Activity Summary", _sentences(event, event.summary.activity)),
        ("Tactics, Techniques & Procedures", _techniques(event)),
        ("Targeting", _targeting(event)),
        ("Tools & Infrastructure", _tools(event)),
        ("Implications", _sentences(event, event.summary.implications)),
        ("Mitigations", _sentences(event, event.summary.mitigations)),
    )
    lines = [f"# {event.summary.title or event.item.title or event.item.id}"]
    for title, body in sections:
        lines += ["", f"## {title}", *body]
    return "\n".join(lines) + "\n"


def _attribution(event: TaggedEvent) -> Iterator[str]:
    if not event.attackers:
        yield f"* **Actor:** {_empty(event, 'attackers', 'Not explicitly named')}"
    for attacker in event.attackers:
        yield f"* **{attacker.rank.capitalize()} actor{_aims(attacker)}:** {_who(attacker)}"
    names = [_name(actor) for attacker in event.attackers for actor in attacker.actors]
    yield f"* **Known aliases and associated groups:** {_list(names) or 'Not explicitly named'}"


def _aims(attacker: Attacker) -> str:
    aims = _list(objective.id.replace("-", " ") for objective in attacker.objectives)
    return f" ({aims})" if aims else ""


def _who(attacker: Attacker) -> str:
    country = attacker.country or "no known sponsor"
    return f"{country}, {attacker.kind}, {attacker.stance} (score {attacker.score:.2f})"


def _name(actor: ActorMatch) -> str:
    name = actor.name if actor.alias == actor.name else f"{actor.name} (as {actor.alias})"
    if actor.candidates:
        return f"{name}: one of {', '.join(actor.candidates)}"
    return f"{name} [{actor.attack_id}]" if actor.attack_id else name


def _techniques(event: TaggedEvent) -> Iterator[str]:
    described = [f"{t.id} {t.name}" for t in event.techniques if not t.explicit]
    explicit = [f"{t.id} {t.name}" for t in event.techniques if t.explicit]
    for objective in dict.fromkeys(o.id for a in event.attackers for o in a.objectives):
        yield f"* Objective: {objective.replace('-', ' ')}"
    for technique in described:
        yield f"* Described: {technique}"
    yield f"* **MITRE ATT&CK IDs:** {_list(explicit) or _empty(event, 'techniques', NONE_MENTIONED)}"


def _targeting(event: TaggedEvent) -> Iterator[str]:
    targets = event.targets
    unknown = _empty(event, "targets", NOT_SPECIFIED)
    yield f"* **Sectors:** {_list(map(_sector, targets.sectors)) or unknown}"
    yield f"* **Geography:** {_list(country.code for country in targets.countries) or unknown}"
    yield f"* **Victims:** {_list(organisation.name for organisation in targets.organisations) or unknown}"


def _sector(sector: Sector) -> str:
    return f"{sector.id} ({', '.join(sector.sub)})" if sector.sub else sector.id


def _tools(event: TaggedEvent) -> Iterator[str]:
    malware = _list(entry.name for entry in event.malware)
    infrastructure = _list(indicator.as_written for indicator in event.indicators)
    vulnerabilities = _list(vulnerability.id for vulnerability in event.vulnerabilities)
    yield f"* **Malware families used:** {malware or _empty(event, 'malware', NOT_SPECIFIED)}"
    yield f"* **Infrastructure (C2, domains, IPs):** {infrastructure or _empty(event, 'indicators', NOT_SPECIFIED)}"
    yield f"* **Vulnerabilities:** {vulnerabilities or _empty(event, 'vulnerabilities', NOT_SPECIFIED)}"


def _sentences(event: TaggedEvent, sentences: Sequence[str]) -> list[str]:
    picked = [f"* {' '.join(sentence.split())}" for sentence in sentences]
    return picked or [_empty(event, "attackers", NOT_SPECIFIED)]


def _empty(event: TaggedEvent, part: str, nothing: str) -> str:
    return nothing if part in event.analysed else NOT_ANALYSED


def _list(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
