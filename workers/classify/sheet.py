"""Reads the sentences of an item one by one and gathers what they say. Pure."""

from __future__ import annotations

from msgspec import Struct, field

from workers.classify.coding import Coder
from workers.classify.groups import FoundGroup, find_groups
from workers.classify.mentions import Mention, decide
from workers.classify.roles import Reading, RoleReader
from workers.classify.scanner import GEO, Scanner, Sentence, Token
from workers.classify.text import FieldText
from workers.knowledge import Knowledge

__all__ = ["ROLE_LANGUAGES", "Sheet", "SheetReader"]

ROLE_LANGUAGES = ("en", "ja")
_READ_MOST = 400
_ACTOR_NAMED = 0.86
_BRAND_NAMED = 0.62
_SPONSORED_FAMILY = 0.58
_INCIDENT = frozenset(
    ("ATTED", "DIDED", "ATTN", "DOING", "BREACH", "HACKER", "FOE", "MALW", "ACTOR", "SUFFER", "HACKV")
)


class Sheet(Struct):
    """What the sentences of an item say. Every mention knows the number of its sentence."""

    countries: list[tuple[str, Mention]] = field(default_factory=list)
    actors: list[Mention] = field(default_factory=list)
    families: list[tuple[str, Mention]] = field(default_factory=list)
    groups: list[tuple[FieldText, int, FoundGroup]] = field(default_factory=list)
    sentences: list[tuple[FieldText, Sentence]] = field(default_factory=list)
    incident: bool = False
    advisory: bool = False


class SheetReader:
    """Reads fields into a sheet. Immutable."""

    def __init__(self, knowledge: Knowledge) -> None:
        compiled = knowledge.compiled
        self._knowledge = knowledge
        self._scanner = Scanner(knowledge)
        self._coder = Coder(compiled.letters, compiled.words)
        self._roles = RoleReader(compiled.roles, compiled.letters)
        self._incident = frozenset(compiled.letters[name].encode("ascii")[0] for name in sorted(_INCIDENT))

    def read(self, fields: list[FieldText], language: str) -> Sheet:
        """The sheet of an item."""
        sheet = Sheet()
        budget = _READ_MOST
        for text in fields:
            for sentence in self._scanner.sentences(text):
                number = len(sheet.sentences)
                sheet.sentences.append((text, sentence))
                if not sentence.tokens:
                    continue
                sheet.advisory = sheet.advisory or any(token.surface.cls == "ADVISORY" for token in sentence.tokens)
                if not sheet.incident:
                    sheet.incident = any(token.surface.cls in _INCIDENT for token in sentence.tokens)
                if language not in ROLE_LANGUAGES or not budget:
                    self._list_names(sheet, text, sentence, number)
                elif sentence.placed or self._has_setting(text, sentence):
                    budget -= 1
                    self._read_sentence(sheet, text, sentence, language)
                elif sentence.named:
                    for token in sentence.tokens:
                        if token.surface.malware:
                            self._place_family(sheet, text, (token, number))
        return sheet

    def _has_setting(self, text: FieldText, sentence: Sentence) -> bool:
        """Whether a group may be named here: a word for a group, or one for a hacker with a capital near it."""
        for token in sentence.tokens:
            cls = token.surface.cls
            if cls == "GROUP":
                return True
            if cls == "HACKER":
                near = (
                    text.plain[max(sentence.start + 1, token.start - 16) : token.start]
                    + text.plain[token.end : token.end + 24]
                )
                if near.lower() != near or "@" in near:
                    return True
        return False

    def _read_sentence(self, sheet: Sheet, text: FieldText, sentence: Sentence, language: str) -> None:
        number = len(sheet.sentences) - 1
        coded = self._coder.encode(text, sentence, japanese=language == "ja")
        if not sheet.incident:
            sheet.incident = not self._incident.isdisjoint(coded.code)
        by_token: dict[int, list[Reading]] = {}
        readings, spans = self._roles.read(coded, language)
        for reading in readings:
            by_token.setdefault(id(reading.token), []).append(reading)
        for token in sentence.tokens:
            self._place(sheet, text, (token, number), by_token.get(id(token), []))
        for group in find_groups(coded, spans):
            if not any(
                token.start < group.end and group.start < token.end and token.surface.cls in {"ACTOR", "MALW"}
                for token in sentence.tokens
            ):
                sheet.groups.append((text, number, group))

    def _place(self, sheet: Sheet, text: FieldText, where: tuple[Token, int], readings: list[Reading]) -> None:
        token, number = where
        surface = token.surface
        if surface.cls in GEO and surface.country:
            mention = Mention(token, text, number)
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
        elif entry.brand or entry.ransomware:
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
