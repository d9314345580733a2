"""The errors of the project. Nothing here does I/O, and nothing here knows a third-party library.

    ShiraseError
    ├── ConfigError        at start only: names file, key, value and what was expected (exit 78)
    ├── ItemError          this record only: never retried, goes to the dead-letter topic with its code
    ├── DependencyError    a cache or a third party did not answer: degrade, perhaps retry
    ├── BatchLost          the partitions moved away or the transaction was refused: throw the batch's results away
    └── FatalError         stop without committing; nobody below the entry point may swallow it
        └── FencedError    another producer took over our transactional id: this process must end, a new one may start

Third-party exceptions are translated into these once, in the adapter that holds the client.
"""

from __future__ import annotations

__all__ = [
    "BatchLost",
    "ConfigError",
    "DependencyError",
    "FatalError",
    "FencedError",
    "ItemError",
    "ShiraseError",
]


class ShiraseError(Exception):
    """Every error that this project raises on purpose."""


class ConfigError(ShiraseError):
    """The configuration cannot be used. The message says where, what stands there and what was expected."""

    def __init__(self, where: str, key: str, value: object, expected: str) -> None:
        self.where = where
        self.key = key
        self.value = value
        self.expected = expected
        super().__init__(f"{where}: {key} = {value!r}: expected {expected}")


class ItemError(ShiraseError):
    """One record cannot be processed, ever. `code` is a short stable word, `detail` a sentence for a person."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}")


class DependencyError(ShiraseError):
    """A cache or third party did not answer. `retry_after` is in seconds, None where nobody said."""

    def __init__(self, dependency: str, code: str, *, retry_after: float | None = None) -> None:
        self.dependency = dependency
        self.code = code
        self.retry_after = retry_after
        super().__init__(f"{dependency}: {code}")


class BatchLost(ShiraseError):  # noqa: N818 - a state of affairs, not a fault
    """The batch in hand is no longer ours to commit: nothing of it was published, it will be read again."""


class FatalError(ShiraseError):
    """The process must stop without committing. `code` is a short stable word."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}")


class FencedError(FatalError):
    """The transactional id belongs to a newer producer now (KIP-98 fencing)."""

    def __init__(self, detail: str) -> None:
        super().__init__("fenced", detail)
