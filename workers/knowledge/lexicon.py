"""Adds cue words, sector words, objectives, techniques, breaks and guards to the written forms. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workers.errors import ConfigError
from workers.knowledge.entries import TechniqueEntry
from workers.knowledge.overlay import rows, strings, table
from workers.knowledge.spelling import fold
from workers.knowledge.surfacetable import SurfaceTable

__all__ = ["add_breaks", "add_cues", "add_meanings", "add_phrases", "collect_words"]

# Classes whose single words the automaton finds too: they tell a report of an attack from other texts.
_IN_AUTOMATON = frozenset(("HACKER", "FOE", "GROUP", "ATTN", "DOING", "BREACH", "ATTED", "SUFFER", "HACKV"))
_VERBS = frozenset(("ATTED", "ATTV", "ATTING", "DIDED", "SUFFER", "CARRY"))
_PREPOSITIONS = frozenset(("ON", "IN", "OF", "FROM", "TO", "BY", "WITH", "FOR", "SKIP", "AND", "AGAINST"))
_BREAKS = (". ", ".\n", "? ", "! ", "\n", "。", "．", "！", "？", '." ', ".) ", "?\n", "!\n", ": \n", " - ", "; ")
_ACRONYM_LONGEST = 6
_ABBREVIATIONS = (
    "mr. ", "mrs. ", "ms. ", "dr. ", "inc. ", "corp. ", "co. ", "ltd. ", "llc. ", "st. ", "no. ", "vs. ", "e.g. ", "i.e. ",
    "jan. ", "feb. ", "mar. ", "apr. ", "jun. ", "jul. ", "aug. ", "sept. ", "sep. ", "oct. ", "nov. ", "dec. ", "gen. ",
    "sen. ", "rep. ", "gov. ", "prof. ", "jr. ", "sr. ", "dept. ", "approx. ", "est. ", "ft. ", "mt. ", "op. ", "fig. ",
)  # fmt: skip


def collect_words(cues: Mapping[str, Any], skip: frozenset[str] = frozenset({"BESIDE"})) -> dict[str, str]:
    """Single English words by class; the first class that lists a word keeps it. Raises ConfigError."""
    words: dict[str, str] = {}
    for cls, forms in table("cues_en.class", cues["class"]).items():
        if cls in skip:
            continue
        for form in strings(f"cues_en.{cls}", forms):
            if " " not in form:
                words.setdefault(fold(form), cls)
    return words


def add_cues(found: SurfaceTable, cues: Mapping[str, Any]) -> None:
    """Cue phrases of several words, and every Japanese cue. Raises ConfigError."""
    japanese = cues.get("language") == "ja"
    for cls, forms in table("cues.class", cues["class"]).items():
        if cls == "BESIDE":
            continue
        for form in strings(f"cues.{cls}", forms):
            if japanese or " " in form or cls in _IN_AUTOMATON:
                found.add(fold(form), cls=cls)


def add_phrases(found: SurfaceTable, guards: Mapping[str, Any]) -> None:
    """Phrases that are taken whole and mean nothing here, and the forms that still say who acts. Raises ConfigError."""
    for row in rows("guards.form", guards["form"]):
        found.add(fold(str(row["surface"])), cls=str(row["class"]), country=str(row["country"]))
    phrases = table("guards.phrases", guards["phrases"])
    for language in ("en", "ja"):
        for form in strings(f"guards.phrases.{language}", phrases[language]):
            if fold(form) not in found:
                found.add(fold(form), cls="SKIPPED")


def add_breaks(found: SurfaceTable) -> None:
    """The ends of sentences, and the abbreviations whose full stop is none."""
    for form in _BREAKS:
        found.add(form, cls="BREAK")
    for form in _ABBREVIATIONS:
        found.add(form, cls="ABBR")


def _class_of(form: str, words: Mapping[str, str], default: str) -> str:
    """The class of a phrase: of its first word where that is a verb, else of its last where that is no preposition."""
    if form in words:
        return words[form]
    first, last = words.get(form.split(" ", 1)[0], ""), words.get(form.rsplit(" ", 1)[-1], "")
    if first in _VERBS:
        return first
    return last if last and last not in _PREPOSITIONS else default


def _add(found: SurfaceTable, forms: Iterable[str], words: Mapping[str, str], default: str, **meaning: Any) -> None:
    for form in forms:
        folded = fold(form)
        cls = words.get(folded) or default if default == "SECT" else _class_of(folded, words, default)
        found.add(folded, cls=cls, **meaning)


def add_meanings(
    found: SurfaceTable,
    files: Mapping[str, Mapping[str, Any]],
    words: Mapping[str, str],
    known: Mapping[str, TechniqueEntry],
) -> None:
    """Words of sectors, objectives and techniques. Raises ConfigError, also for a technique that ATT&CK does not have."""
    subs: dict[str, str] = {}
    for sub, forms in table("sectors.sub", files["sectors"]["sub"]).items():
        subs |= {fold(form): sub for form in strings(f"sectors.sub.{sub}", forms)}
    for row in rows("sectors.sector", files["sectors"]["sector"]):
        for form in (*strings("sectors.en", row["en"]), *strings("sectors.ja", row["ja"])):
            _add(found, (form,), words, "SECT", sectors=((str(row["id"]), subs.get(fold(form), "")),))
        for form in strings("sectors.names", row.get("names", [])):
            exact = {"case": 2, "exact": (form,)} if form.isupper() and len(form) <= _ACRONYM_LONGEST else {"case": 1}
            found.add(fold(form), cls="SECT", sectors=((str(row["id"]), subs.get(fold(form), "")),), **exact)
    for row in rows("objectives.objective", files["objectives"]["objective"]):
        for form in (*strings("objectives.en", row["en"]), *strings("objectives.ja", row["ja"])):
            _add(found, (form,), words, "OBJ", objectives=(str(row["id"]),))
    for identifier, forms in table("techniques.technique", files["techniques"]["technique"]).items():
        if identifier not in known:
            raise ConfigError("config/knowledge/techniques.toml", "technique", identifier, "an id of ATT&CK")
        _add(found, strings(f"techniques.{identifier}", forms), words, "OBJ", techniques=(identifier,))
