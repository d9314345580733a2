"""Asks a provider with every regard that it is owed: its rate, its breaker, and no repetition that may do harm.

In order: a token of the provider's bucket, waited for if it comes within the row's time limit; the breaker; the call.
What failed in passing (no connection, no answer in time, a server's fault) is tried again where the row allows it,
after a pause that grows and is drawn at random, with a token of its own; never where the provider said for how long it
wants to be left alone. All of it shares one time limit, the row's `timeout_ms`. No I/O but through the ports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.enrich.breaker import Gate
from workers.enrich.rate import Budget
from workers.enrich.rows import LookupRow
from workers.enrich.tools import EnrichTools
from workers.errors import DependencyError
from workers.ports import ProviderAnswer, Rate

__all__ = ["Asker"]

FIRST_PAUSE_S = 0.2
PASSING = frozenset({"connection", "timeout", "http-500", "http-502", "http-503", "http-504"})
SHORTEST_WAIT_S = 0.001


class Asker:
    """Asks one row's provider. For several threads."""

    def __init__(self, row: LookupRow, tools: EnrichTools, gate: Gate, budget: Budget | None) -> None:
        self._row = row
        self._tools = tools
        self.gate = gate
        self.budget = budget

    def ask(self, keys: Sequence[str]) -> Mapping[str, ProviderAnswer]:
        """What the provider knows of `keys`; nothing where it did not answer."""
        try:
            return self.ask_or_raise(keys)
        except DependencyError:
            return {}

    def ask_or_raise(self, keys: Sequence[str]) -> Mapping[str, ProviderAnswer]:
        """What the provider knows of `keys`. Raises DependencyError where it did not answer."""
        deadline = self._tools.clock.monotonic() + self._row.settings.timeout_ms / 1000
        attempts = self._row.settings.attempts
        for attempt in range(attempts):
            try:
                return self._once(keys, deadline)
            except DependencyError as error:
                is_last = attempt + 1 == attempts
                if is_last or error.retry_after is not None or error.code not in PASSING:
                    raise
                if not self._paused(self._tools.draw() * FIRST_PAUSE_S * 2**attempt, deadline):
                    raise
        raise AssertionError("attempts is at least one")

    def _once(self, keys: Sequence[str], deadline: float) -> Mapping[str, ProviderAnswer]:
        tools, settings = self._tools, self._row.settings
        self._await_token(deadline)
        if not self.gate.allows():
            raise DependencyError(settings.provider, "breaker")
        started = tools.clock.monotonic()
        try:
            answers = self._row.provider.fetch(keys, deadline - started)
        except DependencyError as error:
            self.gate.failed(error.retry_after)
            raise
        finally:
            tools.telemetry.observe("lookup_duration_seconds", tools.clock.monotonic() - started, settings.kind)
        self.gate.succeeded()
        return {key: answers[key] for key in keys if key in answers}

    def _await_token(self, deadline: float) -> None:
        rate = self._row.rate
        if rate is None:
            return
        while wait := self._take_token(rate):
            if not self._paused(max(wait, SHORTEST_WAIT_S), deadline):
                raise DependencyError(self._row.settings.provider, "rate")

    def _take_token(self, rate: Rate) -> float:
        """0 where a token was taken, else the seconds until there may be one."""
        token = self._tools.rates.take_token(self._row.bucket, rate, self._tools.clock.wall())
        if self.budget is not None:
            self.budget.note(token.left)
        return token.wait_s

    def _paused(self, seconds: float, deadline: float) -> bool:
        """Whether the pause was taken: it ends before the deadline, and nobody closes meanwhile."""
        if self._tools.clock.monotonic() + seconds >= deadline:
            return False
        return not self._tools.wait(seconds)
