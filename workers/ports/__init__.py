"""What the core asks of the world. Every adapter implements one of these; the core knows nothing else.

No I/O here. Each port's docstring says what an implementation promises; one law suite per port under
`tests/contract/` runs on every implementation, the in-memory one included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from workers.model import OutgoingRecord, Partition, Record
from workers.ports.alerting import Lane, LaneCommit, Outlet, Sink

__all__ = [
    "BatchLimits",
    "CacheEntry",
    "CacheStore",
    "Clock",
    "Lane",
    "LaneCommit",
    "LateAnswers",
    "LookupProvider",
    "Outlet",
    "ProviderAnswer",
    "Rate",
    "RateLimiter",
    "RecordStream",
    "Sink",
    "Telemetry",
    "Token",
    "Watchdog",
]


class Clock(Protocol):
    """Time, told from outside so that the core can be told any time."""

    def wall(self) -> float:
        """Seconds since 1970, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        ...


class Telemetry(Protocol):
    """Counts what happens. Metric names and labels are those of `workers.telemetry.METRICS`; any other is a KeyError."""

    def add(self, metric: str, amount: float, *labels: str) -> None:
        """Add to a counter."""
        ...

    def observe(self, metric: str, value: float, *labels: str) -> None:
        """Put one value into a histogram."""
        ...

    def set(self, metric: str, value: float, *labels: str) -> None:
        """Set a gauge."""
        ...


class Watchdog(Protocol):
    """Ends the process when a step takes longer than it may: no client call can hang for good."""

    def arm(self, seconds: float) -> None:
        """Start (or restart) the countdown. Not disarmed in time, the process dies with every thread's stack on stderr."""
        ...

    def disarm(self) -> None:
        """Stop the countdown."""
        ...


class BatchLimits(Struct, frozen=True, kw_only=True):
    """A batch is cut by whichever comes first: `records`, `octets` of values, or `wait_s` seconds after its first record."""

    records: int
    octets: int
    wait_s: float


class RecordStream(Protocol):
    """Records in, records out, and the offsets between them. One implementation per delivery guarantee, chosen at build time.

    Laws: records of one partition come in offset order; what `publish` returned from is committed together with its
    offsets (exactly once), or was acknowledged before its offsets were committed (at least once); after `BatchLost`
    nothing of the batch is visible to `read_committed` readers and its records will be delivered again, to this
    worker or to another.
    """

    def poll(self, limits: BatchLimits) -> Sequence[Record]:
        """The next batch, empty when nothing came within `limits.wait_s`.

        Raises FatalError where the subscribed topics are missing or the position is out of the log's range.
        """
        ...

    def publish(self, outputs: Sequence[OutgoingRecord], offsets: Mapping[Partition, int]) -> None:
        """Publish `outputs` and commit `offsets` (the next offset to read, per partition).

        Raises BatchLost where the partitions moved or the transaction was refused; FencedError; FatalError.
        """
        ...

    def rewind(self) -> None:
        """Forget the batch in hand: the next poll starts at the committed offsets."""
        ...

    def is_caught_up(self) -> bool:
        """Whether every record that was in the log when asked has been committed, over all partitions assigned here."""
        ...

    def lag(self) -> Mapping[Partition, int]:
        """Log-end offset minus committed position, in records, per assigned partition."""
        ...

    def close(self) -> None:
        """Leave the group and close the clients, within a bounded time."""
        ...


class CacheEntry(Struct, frozen=True, kw_only=True):
    """A value to store under `key` for `ttl_ms` milliseconds."""

    key: str
    value: bytes
    ttl_ms: int


class CacheStore(Protocol):
    """Bytes under keys with a time to live, and locks with a token. Every method raises DependencyError, and only that.

    Laws: a value is gone after its time to live; `get_many` answers in the order asked, None for a miss, in one
    round trip; `set_many` is one round trip; a key of a foreign type reads as a miss and is left alone; a lock is
    held by one token at a time, expires by itself, and is released only by the token that holds it.
    """

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values, in the order of `keys`."""
        ...

    def set_many(self, entries: Sequence[CacheEntry]) -> None:
        """Store all entries, each with its own time to live."""
        ...

    def acquire(self, key: str, token: str, ttl_ms: int) -> bool:
        """Take the lock `key` for `token`; False where another token holds it."""
        ...

    def release(self, key: str, token: str) -> bool:
        """Give the lock back; False where `token` does not hold it (any more)."""
        ...

    def acquire_many(self, keys: Sequence[str], token: str, ttl_ms: int) -> list[bool]:
        """`acquire` for each key, independently, in one round trip."""
        ...

    def release_many(self, keys: Sequence[str], token: str) -> list[bool]:
        """`release` for each key, independently, in one round trip."""
        ...


class Rate(Struct, frozen=True, kw_only=True):
    """A token bucket: it holds `burst` tokens and gains `per_s` a second. In any T seconds at most burst + T * per_s go."""

    per_s: float
    burst: int


class Token(Struct, frozen=True):
    """What a bucket said: `wait_s` is 0 where a token was taken, else the seconds until there may be one; `left` is what it holds."""

    wait_s: float
    left: float


class RateLimiter(Protocol):
    """Token buckets by name, shared by all who know the name. Raises DependencyError, and only that.

    Laws: a new bucket is full; no more tokens go than the rate allows, whoever asks; a time before the last one told
    (clocks differ) gains nothing; a bucket that nobody asks for is forgotten once it would be full.
    """

    def take_token(self, bucket: str, rate: Rate, now_s: float) -> Token:
        """Take a token at `now_s` (seconds since 1970), where there is one."""
        ...


class LateAnswers(Protocol):
    """Takes what could not wait for its batch. At least once, apart from the stream's transactions."""

    def publish(self, records: Sequence[OutgoingRecord]) -> None:
        """Hand over; returns soon. Raises DependencyError where they cannot be taken."""
        ...

    def close(self) -> None:
        """Deliver what is under way, within a bounded time."""
        ...


class ProviderAnswer(Struct, frozen=True, kw_only=True):
    """What a provider knows of a key: a value, or that it has none (None, which is an answer, not a failure).

    `known_at`: since when, in seconds since 1970, where the provider looked before it was asked.
    """

    value: dict[str, Any] | None
    known_at: float | None = None


class LookupProvider(Protocol):
    """Answers questions of one kind. Batched.

    Raises DependencyError, and only that, where it did not answer at all: a refusal is never "not found". A key that
    it says nothing of is absent from the result.
    """

    @property
    def name(self) -> str:
        """The provider's name, as the event's `lookups[].source` shows it."""
        ...

    def fetch(self, keys: Sequence[str], timeout_s: float) -> Mapping[str, ProviderAnswer]:
        """Answers for `keys` within `timeout_s` seconds, whole answer included."""
        ...
