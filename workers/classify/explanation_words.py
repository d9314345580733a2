"""The words in which an explanation says why. Pure; text only."""

from __future__ import annotations

from collections.abc import Mapping

from workers.knowledge import Surface

__all__ = ["refusal_in_words", "role_in_words", "silence_in_words"]

_ROLES: Mapping[str, str] = {
    "attacker": "it acts",
    "target": "it is acted upon",
    "accuser": "it reports or accuses",
    "bystander": "it is named in passing: a place, a language, a product, the home of a vendor",
    "denied": "its part is denied",
}
_GUARDS: Mapping[str, str] = {
    "beside": "a common word, and no word of the setting (group, gang, malware ...) stands beside it",
    "ransom": "a common word, and neither ransomware nor gang stands beside it",
    "person": "a personal name: another capitalised word stands before it",
}


def role_in_words(role: str) -> str:
    """What a mention of this role does."""
    return _ROLES.get(role, role)


def silence_in_words(*, is_target: bool) -> str:
    """Why a mention without a role is no attacker."""
    if is_target:
        return (
            "no rule gives it a role; a country that is merely named where an attack is reported counts as its target"
        )
    return "no rule gives it a role in its sentence"


def refusal_in_words(surface: Surface) -> str:
    """Why a written form was not taken for the name that it could be."""
    if surface.cls == "SKIPPED":
        return "a phrase that means something else as a whole"
    if surface.guard in _GUARDS:
        return _GUARDS[surface.guard]
    if surface.case:
        return "not written as the name is: capitals differ"
    return "part of an address or of another word"
