"""The analysis of one event as Markdown, section by section, as an analyst writes it. Pure.

Every section is there for every event: where the text says nothing the section says that, and where something was
not looked for it says so instead. Nothing is written that the event does not carry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from workers.model import ActorMatch, Attacker, Objective, Sector, TaggedEvent

__all__ = ["render_markdown"]

NONE_MENTIONED = "None explicitly mentioned"
NOT_SPECIFIED = "Not specified"
NOT_ANALYSED = "Not analysed"
# What is less sure than not is no answer to "which sectors", and is not kept quiet either.
_SURE = 0.5


def render_markdown(event: TaggedEvent) -> str:
    """The analysis summary, ending in a newline."""
    sections = (
        ("Attribution & Identity", _attribution(event)),
        ("Activity Summary", _activity(event)),
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
    aims = _list(objective.id for objective in attacker.objectives)
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
    for attacker in event.attackers:
        for objective in attacker.objectives:
            yield f"* Objective of {_label(attacker)}: {objective.id}{_words(objective)}"
    for technique in described:
        yield f"* Described: {technique}"
    yield f"* **MITRE ATT&CK IDs:** {_list(explicit) or _empty(event, 'techniques', NONE_MENTIONED)}"


def _words(objective: Objective) -> str:
    """The words of the text that tell the objective."""
    quotes = {" ".join(row.quote.split()).casefold(): None for row in objective.evidence}
    return f" (“{'”, “'.join(quotes)}”)" if quotes else ""


def _targeting(event: TaggedEvent) -> Iterator[str]:
    targets = event.targets
    unknown = _empty(event, "targets", NOT_SPECIFIED)
    sure = [sector for sector in targets.sectors if sector.score >= _SURE]
    others = [sector for sector in targets.sectors if sector.score < _SURE]
    yield f"* **Sectors:** {_list(map(_sector, sure)) or unknown}"
    if others:
        yield f"* **Less surely:** {_list(map(_sector, others))}"
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


def _activity(event: TaggedEvent) -> list[str]:
    """What the attackers do, each sentence under those whom its words blame."""
    if not event.summary.activity:
        return _sentences(event, ())
    lines = []
    for sentence in event.summary.activity:
        told = " ".join(sentence.split())
        names = _list(_label(attacker) for attacker in event.attackers if _speaks_of(told, attacker))
        lines.append(f"* [{names}] {told}" if names else f"* {told}")
    return lines


def _speaks_of(sentence: str, attacker: Attacker) -> bool:
    """Whether a stretch stands in the sentence that blames the attacker or tells its aims."""
    rows = [*attacker.evidence, *(row for aim in attacker.objectives for row in aim.evidence)]
    return any(quote in sentence for row in rows if (quote := " ".join(row.quote.split())))


def _label(attacker: Attacker) -> str:
    return attacker.country or _list(actor.name for actor in attacker.actors) or "no known sponsor"


def _sentences(event: TaggedEvent, sentences: Sequence[str]) -> list[str]:
    picked = [f"* {' '.join(sentence.split())}" for sentence in sentences]
    return picked or [_empty(event, "attackers", NOT_SPECIFIED)]


def _empty(event: TaggedEvent, part: str, nothing: str) -> str:
    return nothing if part in event.analysed else NOT_ANALYSED


def _list(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
