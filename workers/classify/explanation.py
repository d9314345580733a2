"""Says why a reading came out as it did: the same sheet and blames that made the tags, put into words. Pure.

Nothing is read a second time but for one thing: names that were not taken for names are asked from the scanner.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from workers.classify.attribution import Blame
from workers.classify.explanation_types import (
    ExplainedAttacker,
    Explanation,
    FieldView,
    Firing,
    Mark,
    NotAttacker,
    OtherTag,
    Step,
)
from workers.classify.explanation_words import refusal_in_words, role_in_words, silence_in_words
from workers.classify.mentions import Mention
from workers.classify.reader import Laid, Reader
from workers.classify.scanner import Token
from workers.classify.scoring import ATTACKER_THRESHOLD
from workers.classify.sheet import ROLE_LANGUAGES
from workers.classify.text import FieldText
from workers.knowledge import Knowledge
from workers.model import Analysis, Attacker, RawItem

__all__ = ["Explainer"]

_OTHERS_MOST = 40


class Explainer:
    """Explains readings of one Reader. Immutable."""

    def __init__(self, reader: Reader, knowledge: Knowledge) -> None:
        self._reader = reader
        self._names = {key: entry.name for key, entry in knowledge.actors.items()}
        self._families = {key: entry.name for key, entry in knowledge.malware.items()}

    def explain(self, item: RawItem) -> Explanation:
        """The reading of `item` with its reasons. Never raises on any text."""
        laid = self._reader.lay_open(item)
        mentions = list(self._mentions(laid))
        refused = [
            (text, token) for text, token in self._reader.refusals(laid.fields) if _looks_like_a_name(text, token)
        ]
        analysis = laid.analysis
        return Explanation(
            language=analysis.language,
            analysed=analysis.analysed,
            fields=[FieldView(text.name, text.original) for text in laid.fields],
            marks=self._marks(laid, mentions, refused),
            attackers=[self._attacker(laid, attacker, mentions) for attacker in analysis.attackers],
            not_attackers=self._not_attackers(laid, mentions, refused),
            others=list(_other_tags(analysis)),
        )

    def _mentions(self, laid: Laid) -> Iterator[tuple[str, Mention]]:
        """Every mention with the name under which it is judged: a country's code, or an actor's name."""
        yield from laid.sheet.countries
        yield from laid.sheet.families
        for mention in laid.sheet.actors:
            yield self._actor_name(mention.token), mention

    def _actor_name(self, token: Token) -> str:
        keys = token.surface.actors
        names = [self._names[key] for key in keys if key in self._names] or [
            self._families.get(token.surface.malware, "")
        ]
        return " or ".join(names[:3]) or token.surface.text

    def _marks(
        self, laid: Laid, mentions: Sequence[tuple[str, Mention]], refused: Sequence[tuple[FieldText, Token]]
    ) -> list[Mark]:
        view = _view(laid.analysis)
        found = [
            _mark(
                mention.text,
                (mention.token.start, mention.token.end),
                name,
                view.role(name, mention),
                view.why(name, mention),
            )
            for name, mention in mentions
        ]
        for text, _, group in laid.sheet.groups:
            found.append(
                _mark(text, (group.start, group.end), group.name, "group", f"named as a group, by {group.rule}")
            )
        for text, token in refused:
            found.append(
                _mark(
                    text,
                    (token.start, token.end),
                    self._refused_name(token),
                    "not a name",
                    refusal_in_words(token.surface),
                )
            )
        return _without_overlaps(found)

    def _refused_name(self, token: Token) -> str:
        return token.surface.country or (
            self._actor_name(token) if token.surface.actors or token.surface.malware else token.surface.text
        )

    def _attacker(self, laid: Laid, attacker: Attacker, mentions: Sequence[tuple[str, Mention]]) -> ExplainedAttacker:
        blame = _blame_of(attacker, laid.blames)
        own = [mention for name, mention in mentions if _belongs(name, mention, blame)]
        firings = [*_firings(own, laid), *_group_firings(blame, laid)]
        return ExplainedAttacker(
            attacker=attacker,
            name=attacker.country or ", ".join(match.alias for match in attacker.actors) or "?",
            steps=[*_steps(blame), Step(says="as published, by the calibration table", score=attacker.score)],
            speak_for=[firing for firing in firings if firing.role == "attacker"],
            speak_against=[firing for firing in firings if firing.role != "attacker"],
            sentences=[_sentence(laid, number) for number in sorted(blame.sentences)] if blame else [],
        )

    def _not_attackers(
        self, laid: Laid, mentions: Sequence[tuple[str, Mention]], refused: Sequence[tuple[FieldText, Token]]
    ) -> list[NotAttacker]:
        acting = {attacker.country for attacker in laid.analysis.attackers if attacker.country}
        acting |= {
            name
            for attacker in laid.analysis.attackers
            for match in attacker.actors
            for name in (match.name, match.alias)
        }
        view = _view(laid.analysis)
        grouped: dict[str, list[Mention]] = {}
        for name, mention in mentions:
            if name not in acting:
                grouped.setdefault(name, []).append(mention)
        out = []
        for name, own in grouped.items():
            blame = next(
                (blame for blame in laid.blames if any(_belongs(name, mention, blame) for mention in own)), None
            )
            firings = list(_firings(own, laid))
            out.append(
                NotAttacker(name=name, reasons=_reasons(view, name, own, blame), steps=_steps(blame), firings=firings)
            )
        out += [self._refusal(token, text) for text, token in refused if token.surface.cls != "SKIPPED"]
        return list({(row.name, *row.reasons): row for row in out}.values())[:_OTHERS_MOST]

    def _refusal(self, token: Token, text: FieldText) -> NotAttacker:
        written = text.original[token.start : token.end]
        reason = f"“{written}”: {refusal_in_words(token.surface)}"
        return NotAttacker(name=self._refused_name(token), reasons=[reason], steps=[], firings=[])


def _looks_like_a_name(text: FieldText, token: Token) -> bool:
    """Whether somebody could have meant the name: every country and actor, else only what is written with a capital."""
    written = text.original[token.start : token.end]
    return bool(token.surface.country or token.surface.actors) or not written.isascii() or written != written.lower()


class _View(Struct, frozen=True):
    """What the whole reading says of every mention: whether roles were read at all, and who was taken as a target."""

    roles: bool
    targets: frozenset[str]

    def role(self, name: str, mention: Mention) -> str:
        return mention.role or ("target" if name in self.targets else "no role")

    def why(self, name: str, mention: Mention) -> str:
        if not self.roles:
            return "roles are not read in this language"
        if not mention.role:
            return silence_in_words(is_target=name in self.targets)
        hedged = ", hedged" if mention.hedged else ""
        return f"{role_in_words(mention.role)}, by {mention.rule} ({mention.strength:.2f}{hedged})"


def _view(analysis: Analysis) -> _View:
    return _View(analysis.language in ROLE_LANGUAGES, frozenset(row.code for row in analysis.targets.countries))


def _mark(text: FieldText, span: tuple[int, int], name: str, role: str, why: str) -> Mark:
    start, end = span
    return Mark(field=text.name, start=start, end=end, text=text.original[start:end], name=name, role=role, why=why)


def _without_overlaps(marks: Sequence[Mark]) -> list[Mark]:
    """In the order of the text; of two that overlap, the one that was taken for a name, then the longer one."""
    taken: set[tuple[str, int]] = set()
    kept: list[Mark] = []
    for mark in sorted(marks, key=lambda mark: (mark.role == "not a name", mark.start - mark.end)):
        places = {(mark.field, place) for place in range(mark.start, mark.end)}
        if taken.isdisjoint(places):
            taken |= places
            kept.append(mark)
    return sorted(kept, key=lambda mark: (mark.field, mark.start))


def _blame_of(attacker: Attacker, blames: Sequence[Blame]) -> Blame | None:
    same = [blame for blame in blames if blame.country == attacker.country]
    return next((blame for blame in same if attacker.country or blame.evidence == attacker.evidence), None)


def _belongs(name: str, mention: Mention, blame: Blame | None) -> bool:
    if blame is None:
        return False
    if blame.country is not None and name == blame.country:
        return True
    return any(mention is other for listed in blame.actors.values() for other in listed)


def _firings(mentions: Sequence[Mention], laid: Laid) -> Iterator[Firing]:
    for mention in mentions:
        if not mention.rule:
            continue
        written = mention.text.original[mention.token.start : mention.token.end]
        sentence = _sentence(laid, mention.sentence)
        yield Firing(
            rule=mention.rule, role=mention.role, strength=mention.strength, hedged=mention.hedged, decided=True,
            name=written, sentence=sentence,
        )  # fmt: skip
        for other in mention.against:
            yield Firing(
                rule=other.rule, role=other.role, strength=other.strength, hedged=other.hedged, decided=False,
                name=written, sentence=sentence,
            )  # fmt: skip


def _group_firings(blame: Blame | None, laid: Laid) -> Iterator[Firing]:
    """The rules that named a group: they hang on the name, not on a mention of something known."""
    for group, text in blame.groups if blame else ():
        number = next((number for field, number, other in laid.sheet.groups if field is text and other is group), None)
        sentence = "" if number is None else _sentence(laid, number)
        yield Firing(
            rule=group.rule, role="attacker", strength=group.score, hedged=False, decided=True,
            name=group.name, sentence=sentence,
        )  # fmt: skip


def _sentence(laid: Laid, number: int) -> str:
    text, sentence = laid.sheet.sentences[number]
    return text.original[sentence.start : sentence.end].strip()


_STEPS: Mapping[str, str] = {
    "strongest": "the strongest rule that speaks for it",
    "further": "further readings, each a quarter of the rest towards certainty",
    "hedged": "every reading is hedged",
    "denied": "its part is denied",
    "target": "a stronger reading sees it as the target",
}


def _steps(blame: Blame | None) -> list[Step]:
    return [
        Step(says=_STEPS.get(says, says), score=round(score, 3)) for says, score in (blame.parts() if blame else [])
    ]


def _reasons(view: _View, name: str, mentions: Sequence[Mention], blame: Blame | None) -> list[str]:
    reasons = [view.why(name, mention) for mention in mentions if mention.role != "attacker" or not view.roles]
    if view.roles and any(mention.role == "attacker" for mention in mentions):
        score = blame.score() if blame else 0.0
        reasons.insert(0, f"blamed, but the score of {score:.2f} stays below {ATTACKER_THRESHOLD:.2f}")
    return list(dict.fromkeys(reasons))


def _other_tags(analysis: Analysis) -> Iterator[OtherTag]:
    targets = analysis.targets
    for country in targets.countries:
        yield OtherTag(kind="target", name=country.code, score=country.score, evidence=country.evidence)
    for sector in targets.sectors:
        name = f"{sector.id} ({', '.join(sector.sub)})" if sector.sub else sector.id
        yield OtherTag(kind="sector", name=name, score=sector.score, evidence=sector.evidence)
    for organisation in targets.organisations:
        yield OtherTag(kind="organisation", name=organisation.name, score=None, evidence=organisation.evidence)
    for malware in analysis.malware:
        yield OtherTag(kind=malware.kind, name=malware.name, score=None, evidence=malware.evidence)
    for technique in analysis.techniques:
        yield OtherTag(
            kind="technique", name=f"{technique.id} {technique.name}", score=None, evidence=technique.evidence
        )
    for vulnerability in analysis.vulnerabilities:
        yield OtherTag(kind="vulnerability", name=vulnerability.id, score=None, evidence=vulnerability.evidence)
    for indicator in analysis.indicators:
        yield OtherTag(kind=indicator.type, name=indicator.value, score=None, evidence=indicator.evidence)
