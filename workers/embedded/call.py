"""One decoded request on its way to its handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from workers.embedded.state import BrokerState

__all__ = ["Call", "Handler"]


@dataclass(frozen=True, slots=True)
class Call:
    """A request of kafka-python's generated classes, its version, who sent it, and an error to force on it."""

    request: Any
    version: int
    client: tuple[str, str]  # client id and host
    forced: int = 0


Handler = Callable[[BrokerState, Call], Any | Awaitable[Any]]
"""Answers a call with a response of the generated classes, or with None where Kafka sends no answer."""
