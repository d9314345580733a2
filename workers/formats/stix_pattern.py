"""Indicators as STIX 2.1 patterns. Pure.

Source: STIX 2.1, section 9 (patterning) and section 6 (the observable objects that patterns speak of),
https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["pattern_of"]

# A wallet is no observable object of STIX; custom ones begin with "x-" (section 11.2).
_PATHS: Mapping[str, str] = {
    "domain-name": "domain-name:value",
    "onion-address": "domain-name:value",
    "url": "url:value",
    "email-addr": "email-addr:value",
    "ipv4-addr": "ipv4-addr:value",
    "ipv6-addr": "ipv6-addr:value",
    "windows-registry-key": "windows-registry-key:key",
    "cryptocurrency-wallet": "x-cryptocurrency-wallet:value",
}
# The names and lengths of hashes: section 10.6, hash-algorithm-ov.
_HASHES: Mapping[str, tuple[str, int]] = {
    "file-hash-md5": ("MD5", 32),
    "file-hash-sha1": ("'SHA-1'", 40),
    "file-hash-sha256": ("'SHA-256'", 64),
}
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")


def pattern_of(kind: str, value: str) -> str | None:
    """The pattern that matches `value`; None for a type that no pattern is known for, and for a hash that is none."""
    if kind == "file-path":
        return _file_pattern(value)
    if kind in _HASHES:
        name, length = _HASHES[kind]
        return f"[file:hashes.{name} = '{value}']" if len(value) == length and _HEXADECIMAL.issuperset(value) else None
    path = _PATHS.get(kind)
    return f"[{path} = {_literal(value)}]" if path else None


def _file_pattern(path: str) -> str:
    cut = max(path.rfind("\\"), path.rfind("/"))
    folder, name = path[: max(cut, 0)], path[cut + 1 :]
    terms = []
    if name:
        terms.append(f"file:name = {_literal(name)}")
    if folder or not name:
        terms.append(f"file:parent_directory_ref.path = {_literal(folder)}")
    return f"[{' AND '.join(terms)}]"


def _literal(value: str) -> str:
    """A string of the pattern language: only backslash and quote are written otherwise (section 9.2)."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
