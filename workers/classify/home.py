"""Tells whether who acts is hit too: a state its own people, hacktivists their own state, a group whose tools are spilt. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import re2

from workers.classify.mentions import Mention
from workers.classify.sheet import Sheet

__all__ = ["hit_at_home"]

# Whom a government spies on at home, and where these live who left it.
_AT_HOME = frozenset(("individuals", "non-profit", "media"))
_ABROAD = (
    "exile",
    "abroad",
    "expatriate",
    "diaspora",
    "overseas",
    "living in",
    "worldwide",
    "foreign",
    "countries",
    "united nations",
)
_STATE_WORDS = ("government", "regime", "ministry", "secret service", "security service", "police", "当局", "政府")
_STATE_REACH = 24
_STATE_OF = ("government of ", "regime of ", "authorities of ")
# Who acts against their own state, and what of it they act against; what is spilt of a group that acts for a state.
_HACKTIVISTS = re2.compile(r"\banonymous\b|\bhacktivis(?:t|ts|m)\b")
_REBELS = re2.compile(r"\bprotest|\bsolidarity\b|\banti-?government\b|\bcorruption\b")
_STATE_THINGS = re2.compile(
    r"\b(?:government|police|parliament|ministry|ministries|president|universit(?:y|ies)|state[- ]owned|municipal|councils?)\b"
)
_SPILT = re2.compile(r"\b(?:leak|dump)(?:s|ed|ing)?\b")
_TRADE = re2.compile(r"\b(?:tools?|toolset|source code|inner workings|hackingtools)\b")


def hit_at_home(sheet: Sheet, attackers: Mapping[str, float]) -> tuple[str, Mention] | None:
    """Who is hit where the text names nobody but one country that acts: its own people or state, or the group whose tools are spilt."""
    if len(attackers) != 1:
        return None
    code = next(iter(attackers))
    acting = [mention for held, mention in sheet.countries if held == code and mention.role == "attacker"]
    for mention in acting:
        if _is_hit_at_home(sheet, mention):
            return code, mention
    spilt = next((mention for mention in (*acting, *sheet.actors) if _is_spilt(sheet, mention)), None)
    return (code, spilt) if spilt else None


def _is_hit_at_home(sheet: Sheet, mention: Mention) -> bool:
    """A government spies on journalists, dissidents or citizens at home, hacktivists of a country act against its government."""
    text, sentence = sheet.sentences[mention.sentence]
    if any(word in text.folded for word in _ABROAD):
        return False
    own = text.folded[sentence.start : sentence.end]
    hit = _STATE_THINGS.search(own) is not None
    if hit and _HACKTIVISTS.search(own):
        return True
    if _is_government(mention):
        told = {sector for token in sentence.meanings for sector, _ in token.surface.sectors}
        return not told.isdisjoint(_AT_HOME)
    return hit and _REBELS.search(own) is not None


def _is_spilt(sheet: Sheet, mention: Mention) -> bool:
    """Whether what a group works with is given away: "the source code of the group's tools was leaked"."""
    text, sentence = sheet.sentences[mention.sentence]
    own = text.folded[sentence.start : sentence.end]
    return _SPILT.search(own) is not None and _TRADE.search(own) is not None


def _is_government(mention: Mention) -> bool:
    """Whether it is the country's government that acts."""
    folded, start = mention.text.folded, mention.start
    return folded[max(0, start - _STATE_REACH) : start].endswith(_STATE_OF) or any(
        word in folded[start : mention.end + _STATE_REACH] for word in _STATE_WORDS
    )
