"""Takes the names of groups that no list has from the words around them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import re2
from msgspec import Struct

from workers.classify.coding import Coded
from workers.classify.roles import NameSpan
from workers.classify.text import FieldText

__all__ = ["Designators", "FoundGroup", "find_groups"]

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
    "cybercriminal", "email", "web", "website", "bitcoin", "anti-government", "to", "of", "information", "business", "crime", "threat", "intelligence", "research", "analysis", "government", "whether", "our", "your", "spam", "persistent", "report", "read", "html", "activity", "everyone", "someone", "administrators", "file", "discovery",
    "policy", "policies", "white", "whitehat", "expert", "former", "alleged", "anti", "unidentified", "american", "spyware", "trojan-", "what", "how", "why", "who", "video", "here", "meet", "bec", "middle",
    "white-hat", "social", "network", "phishing", "botnet", "ddos-for-hire", "recent", "use", "shift", "proofpoint", "eset", "usb", "advance", "ir", "la", "no", "not", "all", "most", "more",
))  # fmt: skip
_LONGEST = 48
_DIGITS = "0123456789"
_ADJECTIVES = (
    "-tracked",
    "-backed",
    "-based",
    "-linked",
    "-affiliated",
    "-sponsored",
    "-led",
    "-style",
    "-inspired",
    "mercenaries",
    "’s",
    "'s",
    "™",
    "®",
)
# With a capital on every word, a verb beside "hackers" looks like a name.
_UNSURE_IN_HEADLINES = frozenset(
    ("group.apposition", "group.head", "group.subject", "group.by", "group.members", "group.head.acts", "group.claims")
)
_HEADLINE_SHARE = 0.6
_HEADLINE_WORDS = 4
_DESIGNATED = 0.7


class FoundGroup(Struct, frozen=True):
    """A name and where it stands."""

    name: str
    start: int
    end: int
    score: float
    rule: str


class Designators:
    """Finds the numbers that trackers give to clusters without a name: UNC1234, Storm-0001. Immutable."""

    def __init__(self, prefixes: Iterable[str]) -> None:
        listed = "|".join(re2.escape(prefix) for prefix in sorted(prefixes, key=len, reverse=True))
        self._pattern = re2.compile(rf"\b(?:{listed})\d{{3,6}}\b")

    def find(self, text: FieldText) -> Iterator[FoundGroup]:
        """Every designator in the field, in order."""
        if not any(digit in text.plain for digit in _DIGITS):
            return  # most short texts: a look for a digit costs a tenth of the expression
        for found in self._pattern.finditer(text.plain):
            start, end = found.span()
            yield FoundGroup(text.plain[start:end], start, end, _DESIGNATED, "group.designator")


def find_groups(coded: Coded, spans: Iterable[NameSpan]) -> Iterable[FoundGroup]:
    """Each name once, by its strongest rule."""
    best: dict[int, FoundGroup] = {}
    headline = _is_headline(coded)
    for span in spans:
        if headline and span.rule in _UNSURE_IN_HEADLINES:
            continue
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
    if rule == "group.apposition" and plain[:start].rstrip(" ,").endswith("s"):
        return None  # "hackers Target German": a verb with a capital, not a name
    if rule == "group.head" and first == 1 and last - first == 1 and name.istitle():
        return None  # the first word of a sentence has its capital from there
    if any(sign in name for sign in "[](<>|=/#") or _looks_like_file(name) or name.lower().endswith(_ADJECTIVES):
        return None
    start += len(text) - len(text.lstrip(_STRIP))
    return FoundGroup(name, start, start + len(name), strength, rule)


def _looks_like_file(name: str) -> bool:
    """Detection names, files and addresses have a full stop or an at sign inside."""
    head, _, tail = name.rpartition(".")
    return bool(head and tail and tail[0].isalnum()) or "@" in name[1:]


def _is_headline(coded: Coded) -> bool:
    words = coded.field.plain[coded.starts[0] : coded.ends[-1]].split()
    return len(words) >= _HEADLINE_WORDS and sum(1 for word in words if word[0].isupper()) > _HEADLINE_SHARE * len(
        words
    )
