"""Reads one item: who attacks whom, in which sector, to what end, how sure, each with its evidence.

Pure and synchronous: no I/O, no clock, no state between items. Every text gives an analysis; none raises.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from workers.classify.attribution import Blame, attackers_of, blame_actors, blame_countries
from workers.classify.features import collect_features
from workers.classify.mentions import Mention, evidence_of
from workers.classify.objectives import aims_of_attackers
from workers.classify.observables import ObservableFinder
from workers.classify.organisations import OrganisationFinder
from workers.classify.scanner import Token
from workers.classify.sectors import SectorReader
from workers.classify.setting import lower_unsettled
from workers.classify.sheet import ROLE_LANGUAGES, Sheet, SheetReader
from workers.classify.summary import Picker
from workers.classify.targets import TargetReader, bystanders, is_advisory
from workers.classify.text import FieldText, detect_language, fields_of
from workers.knowledge import Knowledge
from workers.model import ANALYSED_ALL, Analysis, Attacker, DeniedActor, Evidence, Mentions, RawItem, Targets

__all__ = ["Laid", "Reader"]

_GROUPS_MOST = 10


class Laid(Struct):
    """A reading with what it was made from, for whoever explains it."""

    analysis: Analysis
    fields: list[FieldText]
    sheet: Sheet
    blames: list[Blame]


class Reader:
    """Reads items against one Knowledge. Immutable after it is built; safe to share between threads."""

    def __init__(self, knowledge: Knowledge) -> None:
        compiled = knowledge.compiled
        self._knowledge = knowledge
        self._sheets = SheetReader(knowledge)
        self._observables = ObservableFinder(knowledge)
        self._family_names = {key: entry.name for key, entry in compiled.malware.items()}
        self._picker = Picker(compiled.implications, compiled.mitigations)
        self._sectors = SectorReader(compiled.weak_sectors, compiled.words)
        self._organisations = OrganisationFinder(knowledge)
        self._target_countries = TargetReader(knowledge)

    def read(self, item: RawItem) -> Analysis:
        """All that the item's text says. Never raises on any text."""
        return self.lay_open(item).analysis

    def refusals(self, fields: Sequence[FieldText]) -> list[tuple[FieldText, Token]]:
        """The names that stand in the fields and were not taken for names. Costs a second pass: for explanations only."""
        return [(text, token) for text in fields for token in self._sheets.scanner.refused(text)]

    def lay_open(self, item: RawItem) -> Laid:
        """The reading and what it was made from. Never raises on any text."""
        fields = fields_of(item)
        language = detect_language(item.language, fields)
        sheet = self._sheets.read(fields, language)
        lower_unsettled(sheet, fields, self._knowledge.compiled.words)
        features = collect_features(self._knowledge, self._observables, fields, sheet.sentences)
        roles = language in ROLE_LANGUAGES
        blames = self._blames(sheet) if roles else []
        attackers = self._attackers(sheet, blames)
        blamed = {attacker.country: attacker.score for attacker in attackers if attacker.country}
        targets = self._targets(sheet, blamed, flawed=bool(features.vulnerabilities)) if roles else Targets()
        placed = frozenset(blamed) | {target.code for target in targets.countries}
        active = sorted({number for blame in blames for number in blame.sentences})
        analysis = Analysis(
            language=language,
            analysed=list(ANALYSED_ALL)
            if roles
            else [name for name in ANALYSED_ALL if name not in {"attackers", "targets", "objectives"}],
            attackers=attackers,
            targets=targets,
            mentions=Mentions(countries=bystanders(sheet.countries, placed), actors=self._mentioned(sheet)),
            malware=features.malware,
            techniques=features.techniques,
            vulnerabilities=features.vulnerabilities,
            indicators=features.indicators,
            summary=self._picker.summarise(item.title, active, sheet, attackers),
        )
        return Laid(analysis, fields, sheet, blames)

    def _blames(self, sheet: Sheet) -> list[Blame]:
        found = blame_countries([*sheet.countries, *sheet.families])
        alone = blame_actors(found, self._knowledge.actors, sheet.actors)
        self._place_groups(sheet, found, alone)
        return [*found.values(), *alone]

    def _place_groups(self, sheet: Sheet, found: dict[str, Blame], alone: list[Blame]) -> None:
        """A group without a list's entry goes to the country blamed in its sentence, else stands alone."""
        seen: set[str] = set()
        if not sheet.incident or (sheet.advisory and not any(blame.strengths for blame in found.values())):
            return  # an advisory's groups are working groups and groups of users
        for text, number, group in sheet.groups:
            if group.name.lower() in seen or len(seen) >= _GROUPS_MOST:
                continue
            seen.add(group.name.lower())
            near = [blame for blame in found.values() if number in blame.sentences and blame.strengths]
            blame = near[0] if len(near) == 1 else Blame(None)
            if not near:
                evidence = Evidence(
                    field=text.name,
                    start=group.start,
                    end=group.end,
                    quote=text.original[group.start : group.end],
                    rule=group.rule,
                )
                blame.add(group.score, evidence, hedged=False, sentence=number)
                blame.places.add((number, group.start))
                alone.append(blame)
            blame.groups.append((group, text))

    def _attackers(self, sheet: Sheet, blames: Sequence[Blame]) -> list[Attacker]:
        blamed = {id(blame): frozenset(blame.places | blame.passing) for blame in blames if blame.strengths}
        objectives = aims_of_attackers(blamed, sheet.sentences)
        return attackers_of(blames, self._knowledge.actors, self._family_names, objectives)

    def _targets(self, sheet: Sheet, blamed: dict[str, float], *, flawed: bool) -> Targets:
        told = sheet.incident or bool(blamed) or any(mention.role == "target" for _, mention in sheet.countries)
        advisory = is_advisory(sheet, blamed, flawed=flawed)
        incident = told and not advisory
        return Targets(
            countries=[] if advisory else self._target_countries.read(sheet, blamed, incident=incident),
            sectors=self._sectors.read(sheet, incident=incident),
            organisations=self._organisations.find(sheet) if incident else [],
        )

    def _mentioned(self, sheet: Sheet) -> list[DeniedActor]:
        acting = {mention.token.surface.text for mention in sheet.actors if mention.role == "attacker"}
        out: dict[str, DeniedActor] = {}
        for mention in sheet.actors:
            if mention.role != "attacker" and mention.token.surface.text not in acting:
                out.setdefault(mention.token.surface.text, self._denied(mention))
        return list(out.values())

    def _denied(self, mention: Mention) -> DeniedActor:
        entries = [self._knowledge.actors[key] for key in mention.token.surface.actors if key in self._knowledge.actors]
        alias = mention.text.original[mention.token.start : mention.token.end]
        single = entries[0] if len(entries) == 1 else None
        return DeniedActor(
            name=single.name if single else alias,
            stance="denied" if mention.role == "denied" else "mentioned",
            id=single.id if single else None,
            evidence=[evidence_of(mention)],
        )
