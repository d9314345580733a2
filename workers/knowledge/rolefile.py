"""Turns the role patterns of the overlay into regular expressions over one letter per token. Pure.

The grammar is in config/knowledge/README.md: class names and set names, `( | )`, `? * {m,n}`, `[^ ]`, and `< >` around
the part that takes the role.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import re2

from workers.errors import ConfigError
from workers.knowledge.entries import RoleRule
from workers.knowledge.overlay import rows, strings, table

__all__ = ["assign_letters", "compile_roles"]

# Each stands inside a character class of the expression, where all but [ ] ^ - and \\ mean themselves.
_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!%&,:;=@_`~\"'#/$.(*+?{}|)" + "".join(
    map(chr, (*range(0x01, 0x09), *range(0x0E, 0x20)))
)
_FIXED = (
    "OTHER",
    "CAPW",
    "COMMA",
    "STOP",
    "NAME",
    "DEM",
    "CAP",
    "ORGO",
    "ORG",
    "ORGA",
    "PLACE",
    "ACTOR",
    "MALW",
    "SECT",
    "OBJ",
    "SPEAKER",
    "SPEAKED",
    "HOME",
    "START",
)
_TOKEN = re2.compile(r"\[\^[A-Z ]+\]|[A-Z]+|\{\d+(?:,\d*)?\}|[()<>|?*+]")
_OPTIONAL = re2.compile(r"^(?:\?|\*|\{0)")


def assign_letters(cue_files: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """One letter for each class. Raises ConfigError when there are more classes than letters."""
    classes = dict.fromkeys(_FIXED)
    for cues in cue_files:
        classes |= dict.fromkeys(name for name in cues["class"] if name not in {"BESIDE", "SKIP"})
    if len(classes) > len(_ALPHABET):
        raise ConfigError("config/knowledge", "class", len(classes), f"at most {len(_ALPHABET)} classes")
    return dict(zip(classes, _ALPHABET, strict=False))


def compile_roles(file: Mapping[str, Any], letters: Mapping[str, str], where: str) -> Iterator[RoleRule]:
    """The rules of one file. Raises ConfigError naming the rule that cannot be read."""
    sets = {
        name: strings(f"{where}.sets.{name}", members) for name, members in table(f"{where}.sets", file["sets"]).items()
    }
    atoms = _Atoms(letters, sets)
    kinds = _kinds(atoms, file, where)
    for row in rows(f"{where}.rule", file["rule"]):
        name, pattern = str(row["name"]), str(row["pattern"])
        try:
            regex = atoms.regex(pattern)
            re2.compile(regex)
        except (KeyError, re2.error) as problem:
            raise ConfigError(
                f"config/knowledge/{where}.toml", name, pattern, f"a role pattern ({problem})"
            ) from problem
        yield RoleRule(
            name=name, role=cast("Any", row["role"]), strength=float(row["strength"]), language=str(file["language"]),
            regex=regex, needs=atoms.needs(pattern), kind=cast("Any", row.get("kind", "unknown")), state=kinds["state"],
            linked=kinds["linked"],
        )  # fmt: skip


def _kinds(atoms: _Atoms, file: Mapping[str, Any], where: str) -> dict[str, str]:
    """The letters of the classes that make an attacker a state, and of those that link it to one."""
    try:
        return {
            name: "".join(
                atoms.chars(cls) for cls in strings(f"{where}.kind.{name}", table(f"{where}.kind", file["kind"])[name])
            )
            for name in ("state", "linked")
        }
    except KeyError as problem:
        raise ConfigError(
            f"config/knowledge/{where}.toml", "kind", str(problem), "state and linked, of known classes"
        ) from problem


class _Atoms:
    """Class and set names as character classes."""

    def __init__(self, letters: Mapping[str, str], sets: Mapping[str, tuple[str, ...]]) -> None:
        self._letters = letters
        self._sets = sets

    def chars(self, name: str, within: tuple[str, ...] = ()) -> str:
        """The letters of a class or set. Raises KeyError for a name that is neither, and for a set that holds itself."""
        if name in self._letters:
            return self._letters[name]
        if name in within:
            raise KeyError(name)
        return "".join(dict.fromkeys("".join(self.chars(member, (*within, name)) for member in self._sets[name])))

    def regex(self, pattern: str) -> str:
        """The pattern as a regular expression."""
        out = []
        for part in _TOKEN.findall(pattern):
            if part[0] == "[":
                out.append("[^" + "".join(self.chars(name) for name in part[2:-1].split()) + "]")
            elif part[0].isalpha():
                out.append("[" + self.chars(part) + "]")
            else:
                out.append({"(": "(?:", "<": "(", ">": ")"}.get(part, part))
        return "".join(out)

    def needs(self, pattern: str) -> tuple[str, ...]:
        """Letters of which at least one must stand in the sentence, for each part that is not optional."""
        tokens = [part for part in _TOKEN.findall(pattern) if part not in {"<", ">"}]
        out: list[str] = []
        position = 0
        while position < len(tokens):
            span, letters = self._part(tokens, position)
            following = tokens[span] if span < len(tokens) else ""
            if letters and not _OPTIONAL.match(following):
                out.append(letters)
            position = span
        return tuple(sorted(set(out), key=len))

    def _part(self, tokens: list[str], start: int) -> tuple[int, str]:
        first = tokens[start]
        if first[0].isalpha():
            return start + 1, self.chars(first)
        if first != "(":
            return start + 1, ""
        depth, position = 1, start + 1
        while depth and position < len(tokens):
            depth += {"(": 1, ")": -1}.get(tokens[position], 0)
            position += 1
        inner = tokens[start + 1 : position - 1]
        flat = all(part == "|" or part[0].isalpha() for part in inner)
        alternatives = flat and all((part == "|") == (index % 2 == 1) for index, part in enumerate(inner))
        return position, "".join(self.chars(part) for part in inner if part != "|") if alternatives else ""
