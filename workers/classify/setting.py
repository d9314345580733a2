"""Tells texts without any attack: there a name that an actor shares with a town or a flower stays a word. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from workers.classify.mentions import Mention
from workers.classify.sheet import Sheet
from workers.classify.text import FieldText

__all__ = ["lower_unsettled"]

_SETTING = frozenset(
    (
        "HACKER", "FOE", "GANG", "GROUP", "ATTN", "DOING", "BREACH", "ATTED", "ATTING", "HACKV", "SUFFER", "PASJ", "INVJ",
        "LSUF", "CLAIMED", "CARRY", "MALW", "ADVISORY", "STATE", "ATTV", "OBJ",
    )
)  # fmt: skip
_STRIP = "\"'()[]{}:;,.!?“”‘’«»"
# A field shorter than this is a heading or a list of names, and says nothing of its setting.
_SHORT = 60
# So many spaces in a name ("Syrian Electronic Army") and it is nothing else.
_WORDS_SURE = 2


def lower_unsettled(sheet: Sheet, fields: Iterable[FieldText], words: Mapping[str, str]) -> None:
    """Takes the role of attacker from actors that are only named, where the text has no country and no word that belongs to an attack."""
    doubtful = [mention for mention in sheet.actors if _only_named(mention)]
    if not doubtful or sheet.countries or _is_set(sheet) or _has_words(fields, words):
        return
    for mention in doubtful:
        mention.role, mention.rule = "bystander", "mention"


def _only_named(mention: Mention) -> bool:
    """Names with a number (APT28) are shared with nothing, and names of three words and more with no town and no flower."""
    name = mention.token.surface.text
    return mention.rule == "actor.named" and name.count(" ") < _WORDS_SURE and not any(sign.isdigit() for sign in name)


def _is_set(sheet: Sheet) -> bool:
    return any(
        token.surface.cls in _SETTING
        or token.surface.objectives
        or (token.surface.malware and token.surface.cls != "ACTOR")
        for _, sentence in sheet.sentences
        for token in (*sentence.tokens, *sentence.meanings)
    )


def _has_words(fields: Iterable[FieldText], words: Mapping[str, str]) -> bool:
    texts = [text.folded for text in fields]
    if max(map(len, texts), default=0) < _SHORT:
        return True
    return any(words.get(word.strip(_STRIP), "") in _SETTING for text in texts for word in text.split())
