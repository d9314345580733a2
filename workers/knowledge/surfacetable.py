"""Collects written forms and what each can mean, merging forms that several lists share. Pure."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from workers.knowledge.entries import Surface

__all__ = ["SurfaceTable"]

# Which class names a form when several lists claim it; the first that is set wins.
_RANK = (
    "SKIPPED",
    "BREAK",
    "ABBR",
    "NAME",
    "DEM",
    "CAP",
    "ORGO",
    "ORG",
    "ORGA",
    "SPEAKER",
    "SPEAKED",
    "ACTOR",
    "PLACE",
    "HOME",
)

# What a family that counts beside the word ransomware only does not give way to.
_NAMES = frozenset(("", "MALW", "ACTOR", "SKIPPED"))


class SurfaceTable:
    """Surfaces by their folded text."""

    def __init__(self) -> None:
        self._surfaces: dict[str, Surface] = {}

    def __len__(self) -> int:
        return len(self._surfaces)

    def __contains__(self, text: str) -> bool:
        return text in self._surfaces

    def is_free(self, text: str) -> bool:
        """Whether a place may take the form: nothing holds it, or only a family that counts beside the word ransomware."""
        held = self._surfaces.get(text)
        return held is None or _is_weak_family(held)

    def add(self, text: str, **fields: Any) -> None:
        """Adds a form, or what `fields` say to the form that is there. A class of lower rank never replaces one of higher."""
        if not text.strip() and text != "\n":
            return
        held = self._surfaces.get(text)
        if held is None:
            self._surfaces[text] = Surface(text=text, **fields)
        elif held.cls != "SKIPPED":
            self._surfaces[text] = _merged(held, fields)

    def finished(self) -> tuple[Surface, ...]:
        """All forms, in a fixed order."""
        return tuple(self._surfaces[key] for key in sorted(self._surfaces))


def _rank(cls: str) -> int:
    return _RANK.index(cls) if cls in _RANK else len(_RANK) + (not cls)


def _is_weak_family(held: Surface) -> bool:
    return held.cls == "MALW" and held.guard == "ransom"


def _merged(held: Surface, fields: dict[str, Any]) -> Surface:
    changes: dict[str, Any] = {}
    for key in ("actors", "sectors", "objectives", "techniques"):
        if fields.get(key):
            changes[key] = tuple(dict.fromkeys((*getattr(held, key), *fields[key])))
    if fields.get("malware") and not held.malware:
        changes["malware"] = fields["malware"]
    cls = str(fields.get("cls", ""))
    yields = _is_weak_family(held) and cls not in _NAMES
    if cls and (yields or _rank(cls) < _rank(held.cls)):
        if yields:
            changes["malware"] = (
                ""  # a city, a state or an everyday word keeps its meaning: Philadelphia, "hacked", "steel"
            )
        changes |= {
            key: fields.get(key, default)
            for key, default in (("cls", ""), ("country", ""), ("case", 0), ("exact", ()), ("guard", ""))
        }
    return replace(held, **changes) if changes else held
