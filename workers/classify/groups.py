"""Takes the names of groups that no list has from the words around them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import re2
from msgspec import Struct

from workers.classify.coding import Coded
from workers.classify.roles import NameSpan
from workers.classify.text import FieldText

__all__ = ["Designators", "FoundGroup", "find_groups"]

_STRIP = "\"'()[]{}:;,.!?“”‘’«»「」『』"
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
# Last words that make a name of a nation's adjective: "the Nigerian Cyber Army" is a name, "Turkish hackers" is none.
_ENSIGNS = frozenset(
    ("army", "cyberarmy", "team", "troops", "force", "squad", "crew", "soldiers", "warriors", "command")
)
_ENSIGN_RULE = "group.ensign"
_CALLED_RULE = "group.called"
_QUOTED_RULES = frozenset(("ja.group.called", "group.called.quoted"))
_RANSOMWARE_RULE = "group.ransomware"
_CLOSING = {"“": "”", "‘": "’", "«": "»", "「": "」", "『": "』"}
_ENDS = ",;:.!?)"
_QUOTES = "\"'“‘«「『"
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
    (
        "group.apposition",
        "group.head",
        "group.subject",
        "group.by",
        "group.members",
        "group.head.acts",
        "group.claims",
        _RANSOMWARE_RULE,
    )
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
        self._prefixes = tuple(sorted(prefixes, key=len, reverse=True))
        listed = "|".join(re2.escape(prefix) for prefix in self._prefixes)
        self._pattern = re2.compile(rf"\b(?:{listed})\d{{3,6}}\b".encode())

    def find(self, text: FieldText) -> Iterator[FoundGroup]:
        """Every designator in the field, in order."""
        plain = text.plain
        if not any(map(plain.__contains__, self._prefixes)):
            return  # most texts: these looks cost a third of the expression
        raw = plain.encode("utf-8")
        before = counted = 0
        for found in self._pattern.finditer(raw):
            start, end = found.span()
            counted += len(raw[before:start].decode("utf-8"))  # signs, not bytes
            before = start
            stop = counted + end - start
            yield FoundGroup(plain[counted:stop], counted, stop, _DESIGNATED, "group.designator")


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
    named_whole = rule == _CALLED_RULE or rule in _QUOTED_RULES
    while (
        first < last
        and not named_whole
        and plain[coded.starts[first] : coded.ends[first]].strip(_STRIP).lower() in _NOT_NAMES
    ):
        first += 1
    if first >= last:
        return None
    start, end = _extent(coded, first, last, rule)
    text = plain[start:end]
    name = text.strip(_STRIP)
    if not _holds(plain, start, end, rule) or _is_no_name(name) or _is_only_capital(coded, (first, last), name, rule):
        return None
    start += len(text) - len(text.lstrip(_STRIP))
    return FoundGroup(name, start, start + len(name), strength, rule)


def _extent(coded: Coded, first: int, last: int, rule: str) -> tuple[int, int]:
    """Where the name starts and ends: a word for a group right behind it belongs to it where it has a capital."""
    plain = coded.field.plain
    start, end = coded.starts[first], coded.ends[last - 1]
    if rule == _CALLED_RULE or rule in _QUOTED_RULES:
        return start, _grown(plain, start, end, coded.ends[-1])
    if last < len(coded.owners):
        tail = plain[coded.starts[last] : coded.ends[last]].strip(_STRIP)
        if tail[:1].isupper() and tail.lower() in _TAILS:
            end = coded.ends[last]
    return start, end


def _is_no_name(name: str) -> bool:
    return (
        not name
        or len(name) > _LONGEST
        or "\n" in name
        or name[:4].upper() == "CVE-"
        or name.lower() in _NOT_NAMES
        or name.isdigit()
        or any(sign in name for sign in "[](<>|=/#")
        or _looks_like_file(name)
        or name.lower().endswith(_ADJECTIVES)
    )


def _is_only_capital(coded: Coded, span: tuple[int, int], name: str, rule: str) -> bool:
    """Whether the capital has another reason than a name."""
    first, last = span
    if rule == "group.apposition":  # "hackers Target German": a verb with a capital
        return coded.field.plain[: coded.starts[first]].rstrip(" ,").endswith("s")
    # the first word of a sentence has its capital from there
    return (
        rule in {"group.head", _RANSOMWARE_RULE}
        and first == 1
        and last - first == 1
        and name[:1].isupper()
        and name[1:].islower()
    )


def _grown(plain: str, start: int, end: int, limit: int) -> int:
    """The end of a name whose first word is given: over the words with a capital that follow, not over a comma."""
    if plain[start] in _QUOTES:
        closing = plain.find(_CLOSING.get(plain[start], plain[start]), start + 1, start + _LONGEST)
        return max(closing, end)
    while end < limit and plain[end - 1] not in _ENDS and plain[end] == " " and plain[end + 1 : end + 2].isupper():
        following = plain.find(" ", end + 1, limit)
        end = limit if following < 0 else following
    return end


def _holds(plain: str, start: int, end: int, rule: str) -> bool:
    """What a rule cannot see of a name: its capitals and its last word."""
    words = plain[start:end].split()
    if rule == _ENSIGN_RULE:
        return words[-1].strip(_STRIP).lower() in _ENSIGNS and all(word[0].isupper() for word in words)
    if rule in _QUOTED_RULES:
        return plain[start] in _QUOTES
    if rule == _CALLED_RULE:
        return plain[start] in _QUOTES or (len(words) > 1 and plain[start].isupper())
    if rule == _RANSOMWARE_RULE:
        return plain[end:].lstrip()[:10].lower() == "ransomware"
    return True


def _looks_like_file(name: str) -> bool:
    """Detection names, files and addresses have a full stop or an at sign inside."""
    head, _, tail = name.rpartition(".")
    return bool(head and tail and tail[0].isalnum()) or "@" in name[1:]


def _is_headline(coded: Coded) -> bool:
    words = coded.field.plain[coded.starts[0] : coded.ends[-1]].split()
    return len(words) >= _HEADLINE_WORDS and sum(1 for word in words if word[0].isupper()) > _HEADLINE_SHARE * len(
        words
    )
