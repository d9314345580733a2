"""A lookup row at work: its settings, its provider, and what follows from both. No I/O.

Keys in the shared cache carry the version of the provider's configuration, a hash of the settings row: answers that
were read under other pointers or other times to live are never found, and expire unread.
"""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Struct

from workers.enrich.entries import FORMAT
from workers.enrich.freshness import Lifetimes
from workers.model import Lookup, LookupStatus, Tlp
from workers.ports import LookupProvider, Rate
from workers.settings import LookupSettings

__all__ = [
    "CacheAddress",
    "Cell",
    "LookupRow",
    "address_of",
    "cache_key",
    "configuration_version",
    "may_ask",
    "row_of",
    "stored_name",
]

MAX_KEY_LENGTH = 200
_RANK = {tlp: rank for rank, tlp in enumerate((Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED))}

Cell = tuple[int, str]
"""One question: the number of its row, and its key."""


class LookupRow(Struct, frozen=True, kw_only=True):
    """One row of `lookups.toml` with its provider. `is_local`: answers from memory, needs no thread and no cache server.

    `rate` and `bucket`: how often the provider may be asked, over all its rows and all workers.
    """

    settings: LookupSettings
    provider: LookupProvider
    is_local: bool
    lifetimes: Lifetimes
    key_prefix: str
    rate: Rate | None = None
    bucket: str = ""

    def without_answer(self, key: str, status: LookupStatus) -> Lookup:
        """A lookup that has a status and nothing else."""
        return Lookup(kind=self.settings.kind, key=key, status=status, source=self.settings.provider)


def row_of(
    settings: LookupSettings, provider: LookupProvider, *, is_local: bool, jitter: float, key_prefix: str
) -> LookupRow:
    """The row with everything that follows from its settings."""
    version = configuration_version(settings)
    return LookupRow(
        settings=settings,
        provider=provider,
        is_local=is_local,
        lifetimes=Lifetimes(
            soft_ms=settings.soft_ttl_s * 1000,
            hard_ms=settings.hard_ttl_s * 1000,
            negative_ms=settings.negative_ttl_s * 1000,
            jitter=jitter,
        ),
        key_prefix=f"{key_prefix}:lookup:{FORMAT}:{settings.kind}:{settings.provider}:{version}:",
        rate=rate_of(settings),
        bucket=f"{key_prefix}:rate:{settings.provider}",
    )


def rate_of(settings: LookupSettings) -> Rate | None:
    """The provider's rate, None where the row sets none."""
    if settings.rate_calls is None:
        return None
    return Rate(per_s=settings.rate_calls / settings.rate_period_s, burst=settings.rate_burst)


def configuration_version(settings: LookupSettings) -> str:
    """A hash of the row: any change to it is a new version."""
    plain = msgspec.json.encode(settings, enc_hook=str, order="deterministic")
    return hashlib.sha256(plain).hexdigest()[:12]


def cache_key(row: LookupRow, key: str) -> str:
    """Where the shared cache keeps the answer."""
    return row.key_prefix + stored_name(key)


def stored_name(key: str) -> str:
    """The key as the cache has it. What is long or not ASCII is hashed: a text cannot choose a key's size, nor its bytes."""
    if len(key) > MAX_KEY_LENGTH or not key.isascii():
        return "sha256-" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return key


class CacheAddress(Struct, frozen=True):
    """What a key of the shared cache says: whose answer it is. `name` is the question as `stored_name` writes it."""

    kind: str
    provider: str
    version: str
    name: str


def address_of(cache_key: str) -> CacheAddress | None:
    """The parts of a key that `cache_key` made, None for any other, locks among them."""
    parts = cache_key.split(":", 6)
    if len(parts) != 7 or parts[1] != "lookup" or parts[2] != str(FORMAT) or parts[6].endswith(":lock"):
        return None
    return CacheAddress(parts[3], parts[4], parts[5], parts[6])


def may_ask(settings: LookupSettings, tlp: Tlp | None) -> bool:
    """Whether the provider may be asked about an item so marked. An unknown marking is for the house alone.

    A catalogue is asked in memory: its provider learns nothing of the question.
    """
    if tlp is None:
        return settings.internal or settings.catalogue
    return _RANK[tlp] <= _RANK[Tlp(settings.tlp_ceiling)]
