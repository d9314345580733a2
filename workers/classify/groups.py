"""Takes the names of groups that no list has from the words around them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from workers.classify.coding import Coded
from workers.classify.roles import NameSpan

__all__ = ["FoundGroup", "find_groups"]

_STRIP = "\"'()[]{}:;,.!?“”‘’«»"
_TAILS = frozenset(
    (
        "team",
        "group",
        "gang",
        "crew",
        "collective",
        "army",
        "cyber army",
        "cyberarmy",
        "hackers",
        "squad",
        "electronic army",
        "cyber team",
        "hack team",
    )
)
_NOT_NAMES = frozenset((
    "the", "a", "an", "in", "on", "at", "for", "after", "when", "while", "this", "that", "these", "those", "researchers", "unknown", "suspected", "if", "but", "and", "however", "he", "she",
    "it", "they", "we", "i", "according", "security", "new", "one", "two", "cyber", "microsoft", "google", "facebook", "twitter", "apple", "internet", "windows", "android", "linux", "wordpress",
    "friday", "monday", "tuesday", "wednesday", "thursday", "saturday", "sunday", "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december", "islamic", "arab", "muslim", "european", "western", "asian", "african", "islamist", "several", "some", "many", "us-based", "state", "mr", "mr.", "dr", "police", "data", "ddos",
    "ransomware", "malware", "both", "its", "his", "her", "their", "there", "by", "from", "with", "as", "advanced", "financially", "malicious", "other", "another", "apt", "hackers", "hacker",
    "cybercriminal", "email", "web", "website", "bitcoin", "anti-government", "to", "of", "information", "business", "crime", "threat", "intelligence", "research", "analysis", "government",
))  # fmt: skip
_LONGEST = 48


class FoundGroup(Struct, frozen=True):
    """A name and where it stands."""

    name: str
    start: int
    end: int
    score: float
    rule: str


def find_groups(coded: Coded, spans: Iterable[NameSpan]) -> Iterable[FoundGroup]:
    """Each name once, by its strongest rule."""
    best: dict[int, FoundGroup] = {}
    for span in spans:
        found = _name(coded, span.first, span.last, span.strength, span.rule)
        if found and (found.start not in best or best[found.start].score < span.strength):
            best[found.start] = found
    return best.values()


def _name(coded: Coded, first: int, last: int, strength: float, rule: str) -> FoundGroup | None:
    plain = coded.field.plain
    while first < last and plain[coded.starts[first] : coded.ends[first]].strip(_STRIP).lower() in _NOT_NAMES:
        first += 1
    if first >= last:
        return None
    start, end = coded.starts[first], coded.ends[last - 1]
    if last < len(coded.owners):
        tail = plain[coded.starts[last] : coded.ends[last]].strip(_STRIP)
        if tail[:1].isupper() and tail.lower() in _TAILS:
            end = coded.ends[last]
    text = plain[start:end]
    name = text.strip(_STRIP)
    if (
        not name
        or len(name) > _LONGEST
        or "\n" in name
        or name[:4].upper() == "CVE-"
        or name.lower() in _NOT_NAMES
        or name.isdigit()
    ):
        return None
    start += len(text) - len(text.lstrip(_STRIP))
    return FoundGroup(name, start, start + len(name), strength, rule)
