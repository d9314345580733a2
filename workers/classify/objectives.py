"""Says which attacker is after what: the aims named in the sentences that blame it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from workers.classify import scoring
from workers.classify.mentions import quote
from workers.classify.scanner import Sentence
from workers.classify.text import FieldText
from workers.model import Evidence, Objective, ObjectiveId

__all__ = ["Aims", "aims_of", "objectives_of"]

_EVIDENCE_MOST = 3
_SAME_SENTENCE = 0.8
_ELSEWHERE = 0.6

Aims = dict[str, list[Evidence]]


def aims_of(text: FieldText, sentence: Sentence, into: Aims) -> None:
    """Adds the aims that a sentence names."""
    for token in sentence.meanings:
        for aim in token.surface.objectives:
            places = into.setdefault(aim, [])
            if len(places) < _EVIDENCE_MOST:
                places.append(quote(text, token.start, token.end, "lexicon.objective"))


def objectives_of(keys: Sequence[int], near: Mapping[int, Aims], everywhere: Aims) -> dict[int, list[Objective]]:
    """The aims of each attacker; a lone attacker also has those named in sentences that blame nobody."""
    out: dict[int, list[Objective]] = {}
    for key in keys:
        found = {
            aim: Objective(id=cast("ObjectiveId", aim), score=scoring.calibrated(_SAME_SENTENCE), evidence=evidence)
            for aim, evidence in near.get(key, {}).items()
        }
        if len(keys) == 1:
            for aim, evidence in everywhere.items():
                found.setdefault(
                    aim, Objective(id=cast("ObjectiveId", aim), score=scoring.calibrated(_ELSEWHERE), evidence=evidence)
                )
        out[key] = sorted(found.values(), key=lambda objective: (-objective.score, objective.id))
    return out
