"""Reads the sentences of an item one by one and gathers what they say. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from msgspec import Struct, field

from workers.classify.coding import Coder
from workers.classify.forms import GEO, INCIDENT, MARK_ADVISORY, MARK_GROUP, MARK_HACKER, MARK_INCIDENT
from workers.classify.groups import Designators, FoundGroup, find_groups
from workers.classify.mentions import Mention, decide
from workers.classify.roles import Reading, RoleReader
from workers.classify.scanner import Scanner, Sentence, Token
from workers.classify.text import FieldText
from workers.knowledge import Knowledge

__all__ = ["ROLE_LANGUAGES", "Sheet", "SheetReader"]

ROLE_LANGUAGES = ("en", "ja")
_READ_MOST = 400
_ACTOR_NAMED = 0.86
_BRAND_NAMED = 0.62
_SPONSORED_FAMILY = 0.58
_PLACED = GEO | {"ACTOR"}
_SETTING = MARK_ADVISORY | MARK_INCIDENT
_GROUPS = MARK_GROUP | MARK_HACKER


class Sheet(Struct):
    """What the sentences of an item say. Every mention knows the number of its sentence."""

    countries: list[tuple[str, Mention]] = field(default_factory=list)
    actors: list[Mention] = field(default_factory=list)
    families: list[tuple[str, Mention]] = field(default_factory=list)
    groups: list[tuple[FieldText, int, FoundGroup]] = field(default_factory=list)
    sentences: list[tuple[FieldText, Sentence]] = field(default_factory=list)
    by_field: list[tuple[FieldText, list[Sentence]]] = field(default_factory=list)
    incident: bool = False
    advisory: bool = False


class SheetReader:
    """Reads fields into a sheet. Immutable."""

    def __init__(self, knowledge: Knowledge) -> None:
        compiled = knowledge.compiled
        self._knowledge = knowledge
        self._scanner = Scanner(knowledge)
        self._coder = Coder(compiled.letters, compiled.words)
        self._designators = Designators(compiled.designators)
        self._roles = RoleReader(compiled.roles, compiled.letters)
        self._incident = frozenset(compiled.letters[name].encode("ascii")[0] for name in sorted(INCIDENT))

    @property
    def scanner(self) -> Scanner:
        """What finds the names, for whoever explains why one was not taken."""
        return self._scanner

    def read(self, fields: list[FieldText], language: str) -> Sheet:
        """The sheet of an item."""
        sheet = Sheet()
        told = language in ROLE_LANGUAGES
        budget = _READ_MOST if told else 0
        for text in fields:
            first = len(sheet.sentences)
            found = self._scanner.sentences(text)
            sheet.by_field.append((text, found))
            for number, sentence in enumerate(found, first):
                sheet.sentences.append((text, sentence))
                marks = sentence.marks
                if not marks:
                    continue
                if marks & _SETTING:
                    sheet.advisory = sheet.advisory or marks & MARK_ADVISORY > 0
                    sheet.incident = sheet.incident or marks & MARK_INCIDENT > 0
                if not budget:
                    self._list_names(sheet, text, sentence, number)
                elif sentence.placed or (marks & _GROUPS and self._has_setting(text, sentence)):
                    budget -= 1
                    self._read_sentence(sheet, text, sentence, language)
                elif sentence.named:
                    self._place_families(sheet, text, sentence)
            if told:
                self._add_designators(sheet, text, first)
        return sheet

    def _place_families(self, sheet: Sheet, text: FieldText, sentence: Sentence) -> None:
        number = len(sheet.sentences) - 1
        for token in sentence.meanings:
            if token.surface.malware:
                self._place_family(sheet, text, (token, number))

    def _add_designators(self, sheet: Sheet, text: FieldText, first: int) -> None:
        """Adds the clusters that have a number only; sentences and designators both run from the front."""
        known = {mention.token.start for mention in sheet.actors if mention.text is text}
        number = first
        for group in islice(self._designators.find(text), _READ_MOST):
            while number + 1 < len(sheet.sentences) and group.start > sheet.sentences[number][1].end:
                number += 1
            if group.start not in known:
                sheet.groups.append((text, number, group))

    def _has_setting(self, text: FieldText, sentence: Sentence) -> bool:
        """Whether a group may be named here: a word for a group, or one for a hacker with a capital near it."""
        if sentence.marks & MARK_GROUP:
            return True
        if not sentence.marks & MARK_HACKER:
            return False
        for token in sentence.tokens:
            if token.surface.cls == "HACKER":
                near = (
                    text.plain[max(sentence.start + 1, token.start - 16) : token.start]
                    + text.plain[token.end : token.end + 24]
                )
                if near.lower() != near or "@" in near or any(sign.isdigit() for sign in near):
                    return True
        return False

    def _read_sentence(self, sheet: Sheet, text: FieldText, sentence: Sentence, language: str) -> None:
        number = len(sheet.sentences) - 1
        coded = self._coder.encode(text, sentence, japanese=language == "ja")
        if not sheet.incident:
            sheet.incident = not self._incident.isdisjoint(coded.code)
        by_token: dict[int, list[Reading]] = {}
        groups: Iterable[FoundGroup] = ()
        firing = self._roles.firing(coded.code, language)
        if firing:
            readings, spans = self._roles.read(coded, language, firing)
            for reading in readings:
                by_token.setdefault(id(reading.token), []).append(reading)
            groups = find_groups(coded, spans) if spans else ()
        first = len(sheet.actors)
        for token in sentence.tokens:
            if token.surface.cls in _PLACED or token.surface.malware:
                self._place(sheet, text, (token, number), by_token.get(id(token), ()))
        for group in groups:
            if not any(_overlap(mention, group) for mention in sheet.actors[first:]):
                sheet.groups.append((text, number, group))

    def _place(self, sheet: Sheet, text: FieldText, where: tuple[Token, int], readings: Sequence[Reading]) -> None:
        token, number = where
        surface = token.surface
        if surface.cls in GEO and surface.country:
            mention = Mention(token, text, number)
            if readings:
                decide(mention, readings)
            sheet.countries.append((self._scanner.country_of(surface, text.folded), mention))
        elif surface.cls == "ACTOR":
            named = Reading(token, "attacker", _ACTOR_NAMED, "actor.named", token.start, token.end, hedged=False)
            mention = Mention(token, text, number)
            decide(mention, [named, *readings])
            sheet.actors.append(mention)
        elif surface.malware:
            self._place_family(sheet, text, where)

    def _place_family(self, sheet: Sheet, text: FieldText, where: tuple[Token, int]) -> None:
        token, number = where
        entry = self._knowledge.malware.get(token.surface.malware)
        if entry is None:
            return
        if entry.sponsor:
            mention = Mention(
                token,
                text,
                number,
                "attacker",
                _SPONSORED_FAMILY,
                "malware.sponsor",
                token.start,
                token.end,
                hedged=True,
            )
            sheet.families.append((entry.sponsor, mention))
        elif entry.brand or (entry.ransomware and _is_ransom(text.folded, token)):
            sheet.actors.append(
                Mention(
                    token,
                    text,
                    number,
                    "attacker",
                    _BRAND_NAMED,
                    "ransomware.brand",
                    token.start,
                    token.end,
                    hedged=False,
                )
            )

    def _list_names(self, sheet: Sheet, text: FieldText, sentence: Sentence, number: int) -> None:
        """Names without roles: for languages that are not read, and past the sentences that are."""
        for token in sentence.tokens:
            if token.surface.cls in GEO and token.surface.country:
                sheet.countries.append(
                    (token.surface.country, Mention(token, text, number, "bystander", 0.1, "mention"))
                )
            elif token.surface.cls == "ACTOR":
                sheet.actors.append(Mention(token, text, number, "bystander", 0.1, "mention"))


def _overlap(mention: Mention, group: FoundGroup) -> bool:
    """Whether an actor of the same sentence stands where the group's name does."""
    return mention.token.start < group.end and group.start < mention.token.end


def _is_ransom(folded: str, token: Token) -> bool:
    """Whether the words next to a family's name call it ransomware or a gang."""
    near = folded[token.end : token.end + 16] + " " + folded[max(0, token.start - 12) : token.start]
    return token.surface.text.endswith("ransomware") or any(word in near for word in ("ransomware", "gang", "ランサム"))
