"""A text's signature: MinHash over its shingles, so that copies can be told without keeping the texts. Pure.

A token is a word, or a single character of a script that is written without spaces; a shingle is four tokens in a row.
So one rule serves English and Japanese. Kept are 64 minima of the whole text and 32 of its lead, the first 120 shingles: a
text that was cut short, or to which a house added its own matter, still has its lead. Of each minimum 16 bits are kept
(b-bit MinHash, Li and König, WWW 2010): the estimate of the Jaccard index has a standard error of at most 0.063 (whole) and
0.089 (lead), and two unrelated texts agree in a minimum by chance once in 65,536. Behind the minima stands how many shingles
there were, so that the share of a short text in a long one can be told.

The whole is 196 bytes, in the event as Base64 (RFC 4648). What is no signature of this length is not compared.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct

from rensa import RMinHash

from workers.model import RawItem

__all__ = ["LEAD_MINIMA", "MINIMA", "SIGNATURE_LAYOUT", "item_signature", "signature_bytes", "text_signature"]

MINIMA, LEAD_MINIMA = 64, 32
# The minima of the whole, those of the lead, then the number of shingles of either.
SIGNATURE_LAYOUT = struct.Struct(f"<{MINIMA}H{LEAD_MINIMA}HHH")
_SEED = 1
_FEWEST = 6
_LONGEST = 4000
_LEAD = 120
_TOKENS = re.compile(r"[぀-ヿㇰ-ㇿ㐀-鿿豈-﫿ｦ-ﾟ가-힯฀-๿]|[^\W_぀-ヿㇰ-ㇿ㐀-鿿豈-﫿ｦ-ﾟ가-힯฀-๿]+")
_TAGS = re.compile(r"<[^<>]{1,500}>")


def item_signature(item: RawItem) -> str | None:
    """The signature of the item's text as it stands in the event: of its body, where that is long enough; else of all text."""
    body = item.body or ""
    found = text_signature(body, item.content_type) or text_signature(
        "\n".join(part for part in (item.title, item.summary, body) if part), item.content_type
    )
    return base64.b64encode(found).decode("ascii") if found else None


def text_signature(text: str, content_type: str = "text/plain") -> bytes:
    """The signature of `text`'s first 4,000 characters, empty where it is too short to tell one text from another."""
    text = text[:_LONGEST]
    if content_type == "text/html":
        text = _TAGS.sub(" ", text)
    tokens = _TOKENS.findall(text.casefold())
    shingles = [" ".join(four) for four in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False)]
    if len(shingles) < _FEWEST:
        return b""
    lead = shingles[:_LEAD]
    counts = (min(len(set(part)), 0xFFFF) for part in (shingles, lead))
    return SIGNATURE_LAYOUT.pack(*_minima(shingles, MINIMA), *_minima(lead, LEAD_MINIMA), *counts)


def _minima(shingles: list[str], count: int) -> list[int]:
    minima = RMinHash(num_perm=count, seed=_SEED)
    minima.update(shingles)
    # The upper half is folded in: the sketch places a shingle by some of its bits, so the lower ones alone say less.
    return [(value ^ value >> 16) & 0xFFFF for value in minima.digest()]


def signature_bytes(text: str | None) -> bytes:
    """The signature that stands in an event; empty where there is none, or one that is not ours."""
    try:
        found = base64.b64decode(text or "", validate=True)
    except (binascii.Error, ValueError):
        return b""
    return found if len(found) == SIGNATURE_LAYOUT.size else b""
