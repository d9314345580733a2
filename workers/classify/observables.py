"""Finds indicators, CVE ids and explicit ATT&CK ids. Linear-time expressions only. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from workers.classify.mentions import quote
from workers.classify.text import FieldText
from workers.knowledge import Knowledge
from workers.model import Indicator, Technique, Vulnerability

__all__ = ["ObservableFinder"]

_MEMORY_BYTES = 64 << 20


def _options() -> re2.Options:
    """Room for the automata of long texts; where even that is used up, matching goes on and only slows down."""
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.log_errors = False
    return options


def _compiled(pattern: str) -> re2._Regexp:
    """Over bytes: the offsets of a text in ASCII are then its own, without a count per match."""
    return re2.compile(pattern.encode("utf-8"), _options())


# Counted repetitions make large automata that fall back to the slow way; lengths are checked in code instead.
_CVE = _compiled(r"(?i)\bCVE[-‐-– ]?((?:19|20)\d{2})[-‐-– ](\d{4,7})\b")
# Tables lose their cells on the way ("TechniqueT1033System"), and addresses have a slash: what stands around decides in code.
_ATTACK_ID = re2.compile(r"T\d{4}(?:[./]\d{3})?", _options())
_ATTACK_PARENT = 5
_DOT = r"(?:\.|\[\.\]|\(\.\)|\[dot\]|\(dot\)|\{\.\})"
_URL = _compiled(r"(?i)\b(?:h(?:tt|xx)ps?|ftp|fxp)(?::|\[:\])//[^\s<>\"'\x00、。）」]+")
_EMAIL = _compiled(rf"(?i)\b[a-z0-9._%+-]+(?:@|\[@\]|\[at\]|\(at\))[a-z0-9-]+(?:{_DOT}[a-z0-9-]+)+\b")
_DOMAIN = _compiled(rf"(?i)\b(?:[a-z0-9_-]+{_DOT})+[a-z][a-z]+\b")
_IPV4 = _compiled(r"\b(?:\d{1,3}(?:\.|\[\.\]|\(\.\)|\[dot\])){3}\d{1,3}\b")
_HASH = _compiled(r"\b(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})\b")
_REGISTRY = _compiled(r"(?i)\b(?:HKLM|HKCU|HKEY_LOCAL_MACHINE|HKEY_CURRENT_USER|HKCR|HKU)\\[^\s,;\"'<>]+")
_PATH = _compiled(r"(?:\b[A-Za-z]:\\|%[A-Za-z]+%\\)[^\s,;\"'<>|*?\x00]+")
_BITCOIN = _compiled(r"\b(?:bc1[a-z0-9]{25,59}|[13][a-km-zA-HJ-NP-Z1-9]{25,34})\b")
_ETHEREUM = _compiled(r"\b0x[0-9a-fA-F]{40}\b")
# In the order in which one wins where several match at the same place.
_KINDS = (
    ("url", _URL),
    ("email-addr", _EMAIL),
    ("windows-registry-key", _REGISTRY),
    ("file-path", _PATH),
    ("wallet", _ETHEREUM),
    ("ipv4-addr", _IPV4),
    ("hash", _HASH),
    ("wallet", _BITCOIN),
    ("domain-name", _DOMAIN),
)
_HASH_KINDS = {32: "file-hash-md5", 40: "file-hash-sha1", 64: "file-hash-sha256"}
_REFANGED = (
    ("[.]", "."),
    ("(.)", "."),
    ("{.}", "."),
    ("[dot]", "."),
    ("(dot)", "."),
    ("[:]", ":"),
    ("[@]", "@"),
    ("[at]", "@"),
    ("(at)", "@"),
)
_BRACKETS = frozenset("[({")
_MOST = 2000
_LONGEST = 400
# Anybody can open an address here, so an address here can be an attacker's.
_MAILBOXES = frozenset(("gmail.com", "yahoo.com", "outlook.com", "hotmail.com", "protonmail.com"))


class ObservableFinder:
    """Knows the benign values and the ids of ATT&CK. Immutable."""

    def __init__(self, knowledge: Knowledge) -> None:
        compiled = knowledge.compiled
        self._techniques = knowledge.techniques
        self._set = re2.Set.SearchSet(_options())
        for _, pattern in _KINDS:
            self._set.Add(pattern.pattern)
        self._set.Compile()
        self._benign = frozenset(compiled.benign_domains)
        self._benign_addresses = frozenset(compiled.benign_addresses)
        self._endings = frozenset(compiled.top_level_domains)
        self._not_domains = frozenset(compiled.not_domains)

    def vulnerabilities(self, field: FieldText) -> Iterator[Vulnerability]:
        """CVE ids in their normal form, each once, where it stands first."""
        if "cve" not in field.folded:
            return
        raw = field.plain.encode("utf-8")
        matches = list(_CVE.finditer(raw))
        places = [(found.start(), number, found.end()) for number, found in enumerate(matches)]
        seen: set[tuple[bytes, bytes]] = set()
        for start, number, end in places if len(raw) == len(field.plain) else _in_characters(raw, places):
            year, serial = matches[number].groups()
            if (year, serial) not in seen:
                seen.add((year, serial))
                evidence = [quote(field, start, end, "pattern.cve")]
                yield Vulnerability(id=f"CVE-{year.decode()}-{serial.decode()}", evidence=evidence)

    def techniques(self, field: FieldText) -> Iterator[Technique]:
        """ATT&CK ids that the text gives itself, each once; a revoked id becomes its successor, an unknown one is left out."""
        if "T1" not in field.plain and "T0" not in field.plain:
            return
        seen: set[str] = set()
        for start, end in _attack_ids(field.plain):
            written = field.plain[start:end]
            entry = None if written in seen else self._techniques.get(written.replace("/", "."))
            seen.add(written)
            if entry is None:
                continue
            current = self._techniques.get(entry.successor or entry.id, entry)
            yield Technique(
                id=current.id,
                name=current.name,
                explicit=True,
                evidence=[quote(field, start, end, "pattern.attack-id")],
            )

    def indicators(self, field: FieldText) -> Iterator[Indicator]:
        """Indicators, refanged, without benign values."""
        plain = field.plain
        taken = count = 0
        for kind, start, end in self._candidates(plain):
            if start < taken or end - start > _LONGEST:
                continue
            written = plain[start:end]
            value = _refang(written)
            taken = end
            resolved = self._kind(kind, value, written)
            if resolved and count < _MOST:
                count += 1
                yield Indicator(
                    type=resolved,
                    value=_normal(resolved, value),
                    as_written=field.original[start:end],
                    evidence=[quote(field, start, end, f"pattern.{resolved}")],
                )

    def _candidates(self, plain: str) -> list[tuple[str, int, int]]:
        raw = plain.encode("utf-8")
        out: list[tuple[int, int, int]] = []
        kinds = self._set.Match(raw)
        if not kinds:
            return []
        for index in kinds:
            for found in _KINDS[index][1].finditer(raw):
                start, end = found.span()
                out.append((start, index, end))
        out.sort()
        if len(raw) != len(plain):
            out = _in_characters(raw, out)
        return [(_KINDS[index][0], *_trimmed(plain, start, end)) for start, index, end in out]

    def _kind(self, kind: str, value: str, written: str) -> str:
        """The STIX-like type of a candidate, empty where it is no indicator."""
        if kind == "hash":
            return _HASH_KINDS[len(value)]
        if kind == "wallet":
            return "cryptocurrency-wallet" if written.startswith(("0x", "bc1")) or _looks_like_wallet(written) else ""
        if kind == "domain-name":
            return self._domain_kind(value.lower(), defanged=value != written)
        return kind if self._is_suspicious(kind, value, written) else ""

    def _is_suspicious(self, kind: str, value: str, written: str) -> bool:
        if kind == "ipv4-addr":
            return self._is_routable(value)
        if kind == "url":
            host = value.split("//", 1)[-1].split("/", 1)[0].split(":", 1)[0].lower()
            return value != written or not self._is_benign(host)
        if kind == "email-addr":
            host = value.rsplit("@", 1)[-1].lower()
            return host in _MAILBOXES or not self._is_benign(host)
        return True

    def _is_routable(self, value: str) -> bool:
        parts = [int(part) for part in value.split(".")]
        return (
            all(part <= 255 for part in parts)
            and value not in self._benign_addresses
            and parts[0] not in {0, 10, 127}
            and parts[:2] != [192, 168]
        )

    def _domain_kind(self, value: str, *, defanged: bool) -> str:
        ending = value.rsplit(".", 1)[-1]
        if value in self._not_domains or (ending not in self._endings and not defanged) or self._is_benign(value):
            return ""
        if ending == "onion":
            return "onion-address"
        return "domain-name"

    def _is_benign(self, host: str) -> bool:
        parts = host.split(".")
        return any(".".join(parts[index:]) in self._benign for index in range(len(parts) - 1))


def _attack_ids(plain: str) -> Iterator[tuple[int, int]]:
    """Where something stands that is written like an id: no capital or digit before it, no digit behind it."""
    for found in _ATTACK_ID.finditer(plain):
        start, end = found.span()
        before = plain[start - 1] if start else ""
        if before.isupper() or before.isdigit():
            continue
        if plain[end : end + 1].isdigit():
            end = start + _ATTACK_PARENT  # "T1566/2021": the digits are a year's
        if not plain[end : end + 1].isdigit():
            yield start, end


def _in_characters(raw: bytes, found: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Offsets in bytes as offsets in characters, in one pass: `found` is sorted by its starts."""
    out: list[tuple[int, int, int]] = []
    at = counted = 0
    for start, index, end in found:
        counted += len(raw[at:start].decode("utf-8"))
        at = start
        out.append((counted, index, counted + len(raw[start:end].decode("utf-8"))))
    return out


def _trimmed(plain: str, start: int, end: int) -> tuple[int, int]:
    while end > start and plain[end - 1] in ".,;:!?)]}'\"":
        end -= 1
    return start, end


def _refang(written: str) -> str:
    value = written
    if not _BRACKETS.isdisjoint(written):
        for fanged, plain in _REFANGED:
            if fanged in value.lower():
                value = value.replace(fanged, plain).replace(fanged.upper(), plain)
    low = value[:8].lower()
    if low.startswith("hxxp"):
        value = "http" + value[4:]
    elif low.startswith("fxp"):
        value = "ftp" + value[3:]
    return value


def _normal(kind: str, value: str) -> str:
    return value.lower() if kind in {"domain-name", "onion-address"} or kind.startswith("file-hash") else value


def _looks_like_wallet(value: str) -> bool:
    return (
        any(char.isdigit() for char in value[1:])
        and any(char.isupper() for char in value)
        and any(char.islower() for char in value)
    )
