"""Gathers malware, techniques, vulnerabilities and indicators over all fields. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from msgspec import Struct, field

from workers.classify.forms import MARK_FEATURE
from workers.classify.mentions import quote
from workers.classify.observables import ObservableFinder
from workers.classify.scanner import Sentence, Token
from workers.classify.text import FieldText
from workers.knowledge import Knowledge
from workers.model import Evidence, Indicator, Malware, Technique, Vulnerability

__all__ = ["Features", "collect_features"]

_EVIDENCE_MOST = 6
_WORD_BEHIND = 16

# By what is named, where it stands: one place for each spelling.
_Places: TypeAlias = dict[str, dict[str, Evidence]]


class Features(Struct):
    """What the text names besides attackers and targets."""

    malware: list[Malware] = field(default_factory=list)
    techniques: list[Technique] = field(default_factory=list)
    vulnerabilities: list[Vulnerability] = field(default_factory=list)
    indicators: list[Indicator] = field(default_factory=list)


def collect_features(
    knowledge: Knowledge,
    finder: ObservableFinder,
    fields: Sequence[FieldText],
    sentences: Iterable[tuple[FieldText, Sentence]],
) -> Features:
    """Each family, technique, vulnerability and indicator once, with its first places as evidence."""
    families: _Places = {}
    described: _Places = {}
    for text, sentence in sentences:
        for token in sentence.meanings if sentence.marks & MARK_FEATURE else ():
            surface = token.surface
            if surface.malware and _is_family(knowledge, text, token):
                _note(families, surface.malware, text, (token.start, token.end), "lexicon.malware")
            for identifier in surface.techniques:
                _note(described, identifier, text, (token.start, token.end), "lexicon.technique")
    return Features(
        malware=_malware(knowledge, families),
        techniques=_techniques(knowledge, finder, fields, described),
        vulnerabilities=_first_by_id([found for text in fields for found in finder.vulnerabilities(text)]),
        indicators=_indicators(finder, fields),
    )


def _is_family(knowledge: Knowledge, text: FieldText, token: Token) -> bool:
    """Whether the name stands for software here: not where it is a country's, nor an actor's unless a word behind it says so."""
    if token.surface.cls == "MALW" or knowledge.malware[token.surface.malware].brand:
        return True
    if token.surface.cls != "ACTOR":
        return not token.surface.country
    following = text.folded[token.end : token.end + _WORD_BEHIND].lstrip(" 「」")
    return following.startswith(knowledge.compiled.family_words)


def _note(found: _Places, key: str, text: FieldText, span: tuple[int, int], rule: str) -> None:
    """Notes a place; the same spelling is noted once."""
    places = found.get(key)
    if places is None:
        places = found[key] = {}
    if len(places) < _EVIDENCE_MOST:
        written = text.original[span[0] : span[1]]
        if written not in places:
            places[written] = quote(text, span[0], span[1], rule)


def _malware(knowledge: Knowledge, families: _Places) -> list[Malware]:
    out = []
    for key, places in families.items():
        entry = knowledge.malware.get(key)
        if entry:
            out.append(Malware(name=entry.name, kind=entry.kind, id=entry.id, evidence=list(places.values())))
    return out


def _techniques(
    knowledge: Knowledge, finder: ObservableFinder, fields: Sequence[FieldText], described: _Places
) -> list[Technique]:
    out: dict[str, Technique] = {}
    for text in fields:
        for technique in finder.techniques(text):
            out.setdefault(technique.id, technique)
    for identifier, places in described.items():
        entry = knowledge.techniques[identifier]
        current = knowledge.techniques.get(entry.successor or entry.id, entry)
        out.setdefault(
            current.id, Technique(id=current.id, name=current.name, explicit=False, evidence=list(places.values()))
        )
    return list(out.values())


def _first_by_id(found: Sequence[Vulnerability]) -> list[Vulnerability]:
    out: dict[str, Vulnerability] = {}
    for vulnerability in found:
        out.setdefault(vulnerability.id, vulnerability)
    return list(out.values())


def _indicators(finder: ObservableFinder, fields: Sequence[FieldText]) -> list[Indicator]:
    out: dict[tuple[str, str], Indicator] = {}
    for text in fields:
        for indicator in finder.indicators(text):
            out.setdefault((indicator.type, indicator.value), indicator)
    return list(out.values())
