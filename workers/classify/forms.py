"""What the scanner needs to know of each written form, worked out once from the knowledge. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from workers.knowledge import Surface

__all__ = [
    "GEO",
    "HARM",
    "INCIDENT",
    "MARK_ADVISORY",
    "MARK_AIM",
    "MARK_FEATURE",
    "MARK_GROUP",
    "MARK_HACKER",
    "MARK_HARM",
    "MARK_INCIDENT",
    "MARK_NAMED",
    "MARK_PLACED",
    "NAMED",
    "SORT_ABBREVIATION",
    "SORT_BREAK",
    "SORT_FAMILY",
    "SORT_MEANING",
    "SORT_NAME",
    "WORD",
    "Form",
    "bare_form",
    "form_of",
]

GEO = frozenset(("NAME", "DEM", "CAP", "ORGO", "ORG", "ORGA", "PLACE", "HOME", "SPEAKER", "SPEAKED"))
NAMED = GEO | {"ACTOR", "MALW"}
INCIDENT = frozenset(
    (
        "ATTED",
        "DIDED",
        "USED",
        "ATTN",
        "DOING",
        "BREACH",
        "HACKER",
        "FOE",
        "GANG",
        "MALW",
        "ACTOR",
        "SUFFER",
        "HACKV",
        "PASJ",
        "INVJ",
        "LSUF",
        "CLAIMED",
    )
)
# What the tokens of a sentence say of its setting, one bit each.
MARK_INCIDENT, MARK_ADVISORY, MARK_GROUP, MARK_HACKER = 1, 2, 4, 8
# And whether a country, an actor or a family is named; a country or an actor; an aim; a technique or a family.
MARK_NAMED, MARK_PLACED, MARK_AIM, MARK_FEATURE = 16, 32, 64, 128
# And whether somebody is harmed.
MARK_HARM = 256
HARM = frozenset(
    ("ATTED", "ATTV", "ATTING", "ATTN", "AGAINST", "SUFFER", "BREACH", "HACKV", "PASJ", "DOING", "NITAI", "DIDED")
)
_MARKS = dict.fromkeys(INCIDENT, MARK_INCIDENT) | {
    "ADVISORY": MARK_ADVISORY,
    "GROUP": MARK_GROUP,
    "GANG": MARK_GROUP | MARK_INCIDENT,
    "CLAIMED": MARK_GROUP | MARK_INCIDENT,
    "HACKER": MARK_HACKER | MARK_INCIDENT,
}
WORD = frozenset(
    chr(code) for code in (*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B), *range(0xC0, 0x250))
)
# Sorts of tokens, in the order in which the scanner asks for them.
SORT_DROPPED, SORT_ABBREVIATION, SORT_WORD, SORT_BREAK = -2, -1, 0, 1
SORT_MEANING, SORT_FAMILY, SORT_NAME, SORT_NAMED_MEANING = 2, 3, 4, 5


class Form(Struct, frozen=True, gc=False):
    """A surface as the scanner asks for it. `opens`, `closes`: a word must not go on there; `plain`: nothing else to check."""

    surface: Surface
    opens: bool
    closes: bool
    spaced: bool
    plain: bool
    sort: int
    marks: int


def _sort(surface: Surface) -> int:
    meaning = bool(surface.sectors or surface.objectives or surface.techniques or surface.malware)
    if surface.cls in NAMED:
        if surface.cls == "MALW":
            return SORT_FAMILY
        return SORT_NAMED_MEANING if meaning else SORT_NAME
    plain = SORT_MEANING if meaning else SORT_WORD
    return {"SKIPPED": SORT_DROPPED, "ABBR": SORT_ABBREVIATION, "BREAK": SORT_BREAK}.get(surface.cls, plain)


def _told(surface: Surface, sort: int) -> int:
    marks = MARK_NAMED * (sort > SORT_MEANING) | MARK_PLACED * (sort > SORT_FAMILY) | MARK_HARM * (surface.cls in HARM)
    return marks | MARK_AIM * bool(surface.objectives) | MARK_FEATURE * bool(surface.malware or surface.techniques)


def form_of(surface: Surface) -> Form:
    """What the scanner asks of a surface, worked out once."""
    sort = _sort(surface)
    return Form(
        surface,
        opens=surface.text[0] in WORD,
        closes=surface.text[-1] in WORD,
        spaced=" " in surface.text,
        plain=not (surface.case or surface.guard or surface.cls in NAMED),
        sort=sort,
        marks=_MARKS.get(surface.cls, 0) | _told(surface, sort),
    )


def bare_form(surface: Surface, words: Mapping[str, str]) -> Form | None:
    """What a form still says where it does not hold as a family's or an actor's name: "wiper", "quantum", "steel"."""
    if surface.cls not in {"ACTOR", "MALW"} or not (surface.sectors or surface.objectives or surface.techniques):
        return None
    cls = words.get(surface.text) or ("SECT" if surface.sectors else "OBJ")
    return form_of(replace(surface, cls=cls, country="", actors=(), malware="", case=0, exact=(), guard=""))
