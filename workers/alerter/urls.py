"""One form for the many URLs of one page, and the domain that somebody registered. Pure; asks nobody."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

__all__ = ["canonical_url", "registered_domain"]

_PREFIXES = re.compile(r"^(?:www\d?|m|mobile|amp)\.(?=[^.]+\.)")
_TRACKING = re.compile(
    r"^(?:utm_.*|mtm_.*|pk_.*|mc_[ce]id|fbclid|gclid|dclid|msclkid|yclid|igshid|ref|ref_src|referrer|source|src|cmpid|ocid|"
    r"cid|smid|s_cid|sh|share|from|feature|amp|outputtype|guccounter|_ga|at_.*)$"
)
_TAIL = re.compile(r"(?:/amp|/index\.(?:html?|php|aspx?))?/*$", re.IGNORECASE)
# Second-level names under which a country's registry sells, as the Public Suffix List has them for most country codes.
_SECOND_LEVEL = frozenset(
    {"ac", "co", "com", "edu", "ed", "go", "gov", "gob", "gr", "lg", "mil", "ne", "net", "or", "org"}
)
_LONGEST = 2000


def canonical_url(url: str | None) -> str | None:
    """`url` as host, path and what of the query names the page; None where it is no web address.

    Scheme, port, fragment, tracking parameters, mobile and AMP forms do not tell pages apart.
    """
    text = (url or "").strip()[:_LONGEST]
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return None
    if "." not in host or parts.scheme not in {"", "http", "https"} or " " in host:
        return None
    path = _TAIL.sub("", parts.path)
    pairs = sorted((k, v) for k, v in parse_qsl(parts.query) if not _TRACKING.match(k.lower()))
    if not path and not pairs:
        return None  # a site's front page is the address of no single report
    return _PREFIXES.sub("", host) + path + (f"?{urlencode(pairs)}" if pairs else "")


def registered_domain(url: str | None) -> str | None:
    """The domain under which the page's owner is registered, e.g. example.co.jp; None where it is no web address."""
    text = (url or "").strip()[:_LONGEST]
    try:
        host = (urlsplit(text if "//" in text else f"//{text}").hostname or "").rstrip(".")
    except ValueError:
        return None
    labels = host.split(".")
    if len(labels) < 2 or not all(labels) or labels[-1].isdigit():
        return None
    under_country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if under_country else -2 :])
