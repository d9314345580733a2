"""How long an answer is good for. Pure: told the time, and given its random draws.

Theory of operation. An answer is born when its provider gave it. From then on it is

    fresh   until its soft expiry: served as it is;
    stale   until its hard expiry: served, marked as stale, while one worker asks again;
    a miss  from then on: never served.

"Nothing known" is an answer too, with a time to live of its own and no stale phase: there is nothing to serve.

Entries that were made together must not expire together, so each time to live is shortened by a random share of at
most `jitter`. It is never lengthened: what the configuration says is an upper bound. One draw serves both expiries,
so soft never comes after hard. Both are fixed at birth and stored with the answer; whoever reads it only compares
them with the time, and a changed configuration makes new keys, not new verdicts on old entries.

Clocks differ between machines. An answer born in the future is fresh; the store's own time to live, counted on the
store's clock, still ends it.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

__all__ = ["Expiry", "Lifetimes", "Verdict", "expiry_of", "judge"]


class Verdict(Enum):
    """What an entry is worth now."""

    FRESH = "fresh"
    STALE = "stale"
    MISS = "miss"


class Lifetimes(Struct, frozen=True, kw_only=True):
    """Times to live in milliseconds, and the largest share that chance may take off them."""

    soft_ms: int
    hard_ms: int
    negative_ms: int
    jitter: float


class Expiry(Struct, frozen=True, kw_only=True):
    """Milliseconds since 1970 after which an answer is stale, and after which it is gone."""

    soft_at_ms: int
    hard_at_ms: int


def expiry_of(lifetimes: Lifetimes, *, is_known: bool, born_ms: int, draw: float) -> Expiry:
    """When an answer born at `born_ms` expires. `draw` is a random number in [0, 1)."""
    share = 1.0 - lifetimes.jitter * draw
    if is_known:
        soft, hard = lifetimes.soft_ms, lifetimes.hard_ms
    else:
        soft = hard = lifetimes.negative_ms
    return Expiry(soft_at_ms=born_ms + max(1, int(soft * share)), hard_at_ms=born_ms + max(1, int(hard * share)))


def judge(expiry: Expiry, now_ms: int) -> Verdict:
    """What an entry with this expiry is worth at `now_ms`."""
    if now_ms < expiry.soft_at_ms:
        return Verdict.FRESH
    return Verdict.STALE if now_ms < expiry.hard_at_ms else Verdict.MISS
