"""Reads who acts and who is acted upon in one coded sentence, by the role rules of the knowledge. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import re2
from msgspec import Struct

from workers.classify.coding import Coded
from workers.classify.scanner import Token
from workers.knowledge import ActorKind, RoleRule

__all__ = ["NameSpan", "Reading", "RoleReader"]

_SET_MEMORY_BYTES = 64 << 20
_HEDGE_REACH = 3
_LANDS = frozenset(("NAME", "CAP"))


class Reading(Struct, gc=False):
    """What one rule says of one mention. `hedged`: the words around it leave it open."""

    token: Token
    role: str
    strength: float
    rule: str
    start: int
    end: int
    hedged: bool
    kind: ActorKind = "unknown"


class NameSpan(Struct, frozen=True):
    """The first and the last token (exclusive) of a group's name."""

    first: int
    last: int
    strength: float
    rule: str


class _Rule(Struct):
    name: str
    role: str
    strength: float
    pattern: re2._Regexp
    kind: ActorKind
    state: frozenset[int]
    linked: frozenset[int]

    def kind_of(self, code: bytes, cls: str) -> ActorKind:
        """What the attacker is, by the words of the stretch and by whether the country's own name stands there."""
        if not self.linked.isdisjoint(code):
            return "state-linked"
        if not self.state.isdisjoint(code):
            return "state"
        return self.kind if cls in _LANDS else "unknown"


class _RuleSet:
    """The rules of a language, and one automaton over all of them that says which can fire at all."""

    def __init__(self, rules: Iterable[RoleRule]) -> None:
        self.rules = [
            _Rule(
                rule.name,
                rule.role,
                rule.strength,
                re2.compile(rule.regex.encode("ascii")),
                rule.kind,
                frozenset(rule.state.encode("ascii")),
                frozenset(rule.linked.encode("ascii")),
            )
            for rule in rules
        ]
        options = re2.Options()
        options.max_mem = _SET_MEMORY_BYTES
        self._set = re2.Set.SearchSet(options)
        for rule in self.rules:
            self._set.Add(rule.pattern.pattern)
        self._set.Compile()

    def firing(self, code: bytes) -> list[int]:
        """The numbers of the rules that match somewhere in `code`, in the rules' own order."""
        return sorted(self._set.Match(code) or ())


class RoleReader:
    """The compiled rules of each language. Immutable."""

    def __init__(self, rules: Iterable[RoleRule], letters: Mapping[str, str]) -> None:
        by_language: dict[str, list[RoleRule]] = {}
        for rule in rules:
            by_language.setdefault(rule.language, []).append(rule)
        self._rules = {language: _RuleSet(listed) for language, listed in by_language.items()}
        self._hedges = frozenset(letters[name].encode("ascii")[0] for name in ("HEDGE", "HATTR", "SUSP"))
        self._capturable = frozenset(
            letters[name].encode("ascii")[0]
            for name in ("NAME", "DEM", "CAP", "ORGO", "ORG", "ORGA", "PLACE", "ACTOR", "SPEAKER", "SPEAKED", "HOME")
        )

    def firing(self, code: bytes, language: str) -> list[int]:
        """The numbers of the rules that fire on a sentence; every second sentence has none."""
        rules = self._rules.get(language)
        return rules.firing(code) if rules else []

    def read(self, coded: Coded, language: str, firing: Iterable[int]) -> tuple[list[Reading], list[NameSpan]]:
        """What the firing rules say of the sentence: the readings of the mentions they capture, and the names of groups."""
        readings: list[Reading] = []
        names: list[NameSpan] = []
        for index in firing:
            rule = self._rules[language].rules[index]
            for found in rule.pattern.finditer(coded.code):
                if rule.role == "group":
                    first, last = found.span(1)
                    names.append(NameSpan(first, last, rule.strength, rule.name))
                else:
                    self._collect(readings, coded, rule, found.span(0), found.span(1))
        return readings, names

    def _collect(
        self, out: list[Reading], coded: Coded, rule: _Rule, whole: tuple[int, int], part: tuple[int, int]
    ) -> None:
        first, last = whole[0], whole[1] - 1
        start, end = coded.starts[first], coded.ends[last]
        hedged = not self._hedges.isdisjoint(coded.code[max(0, first - _HEDGE_REACH) : last + 1 + _HEDGE_REACH])
        attacks = rule.role == "attacker"
        for index in range(part[0], part[1]):
            owner = coded.owners[index]
            if owner is not None and coded.code[index] in self._capturable:
                kind = rule.kind_of(coded.code[first : whole[1]], owner.surface.cls) if attacks else "unknown"
                out.append(Reading(owner, rule.role, rule.strength, rule.name, start, end, hedged, kind))
