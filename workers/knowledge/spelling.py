"""How names are compared and in which spellings they are looked for. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import re2

__all__ = ["fold", "spellings", "squash"]

_NOT_WORD = re2.compile(r"[^\pL\pN]+")
_NUMBERED = re2.compile(r"^([a-z][a-z.]*?)[ -]?(\d{1,5})$")
_CAMEL = re2.compile(r"^[A-Z][a-z]{2,}(?:[A-Z][a-z]{2,})+$")
_HUMP = re2.compile(r"[A-Z][a-z]+")
_TAIL = re2.compile(r"^(.{4,}) group$")
_TYPOGRAPHY = (("\u2019", "'"), ("\u2018", "'"), ("\u2010", "-"), ("\u2011", "-"), ("\u2013", "-"), ("\u00a0", " "))
_PARENTHESES = re2.compile(r"\s*\([^()]*\)$")
_JOINED_MINIMUM = 9


def squash(name: str) -> str:
    """`name` as letters and digits only, in small letters: two names are the same where this is."""
    return str(_NOT_WORD.sub("", name.casefold()))


def fold(text: str) -> str:
    """`text` in small letters with plain quotes, hyphens and spaces; always of the same length."""
    small = text.lower()
    if len(small) != len(text):
        small = "".join(low if len(low) == 1 else char for char, low in ((char, char.lower()) for char in text))
    if small.isascii():
        return small
    for fancy, plain in _TYPOGRAPHY:
        if fancy in small:
            small = small.replace(fancy, plain)
    return small


def spellings(name: str) -> Iterator[str]:
    """The folded forms under which a name is looked for: with and without space and hyphen, without a trailing "group"."""
    base = fold(_PARENTHESES.sub("", name)).strip() or fold(name).strip()
    yield base
    numbered = _NUMBERED.match(base)
    if numbered:
        letters, digits = numbered.group(1), numbered.group(2)
        yield from (f"{letters}{digits}", f"{letters} {digits}", f"{letters}-{digits}")
        return
    tail = _TAIL.match(base)
    if tail:
        yield tail.group(1)
    if " " in base:
        joined = base.replace(" ", "")
        if len(joined) >= _JOINED_MINIMUM and base.count(" ") <= 2:
            yield joined
            yield base.replace(" ", "-")
    elif "-" in base and len(base) >= _JOINED_MINIMUM:
        yield base.replace("-", " ")
    elif _CAMEL.match(name):
        humps = [hump.lower() for hump in _HUMP.findall(name)]
        yield " ".join(humps)
        yield "-".join(humps)
