"""Faults to order from the broker, so that tests can see what clients do: errors, cut connections, delays.

Called from the test's thread while the broker serves in its own; every order is for one API (a Kafka API key).
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterable

__all__ = ["FaultHooks", "Orders"]


class Orders:
    """What to do to one request."""

    __slots__ = ("cut_after", "cut_before", "delay_s", "error_code")

    def __init__(self) -> None:
        self.error_code = 0
        self.cut_before = False
        self.cut_after = False
        self.delay_s = 0.0


class FaultHooks:
    """Queues of faults per API key; without any, requests pass untouched."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._errors: dict[int, deque[int]] = defaultdict(deque)
        self._cuts_before: Counter[int] = Counter()
        self._cuts_after: Counter[int] = Counter()
        self._delays: dict[int, float] = {}
        self._requests: Counter[int] = Counter()
        self._hits: Counter[int] = Counter()

    def push_errors(self, api_key: int, codes: Iterable[int]) -> None:
        """Answer the next requests of this API with these error codes, one each, without applying them."""
        with self._lock:
            self._errors[api_key].extend(codes)

    def cut_before(self, api_key: int, times: int = 1) -> None:
        """Close the connection instead of applying the next `times` requests of this API."""
        with self._lock:
            self._cuts_before[api_key] += times

    def cut_after(self, api_key: int, times: int = 1) -> None:
        """Apply the next `times` requests of this API but close the connection instead of answering."""
        with self._lock:
            self._cuts_after[api_key] += times

    def delay(self, api_key: int, seconds: float) -> None:
        """Hold every request of this API for so long before applying it; 0 ends that."""
        with self._lock:
            self._delays[api_key] = seconds

    def clear(self) -> None:
        """Take back every order that has not been carried out."""
        with self._lock:
            for orders in (self._errors, self._cuts_before, self._cuts_after, self._delays):
                orders.clear()

    def requests(self, api_key: int) -> int:
        """Count the requests of this API so far."""
        with self._lock:
            return self._requests[api_key]

    def hits(self, api_key: int) -> int:
        """Count the errors and cuts carried out on this API so far."""
        with self._lock:
            return self._hits[api_key]

    def take(self, api_key: int) -> Orders:
        """Give the orders for the next request of this API and cross them off."""
        orders = Orders()
        with self._lock:
            self._requests[api_key] += 1
            orders.delay_s = self._delays.get(api_key, 0.0)
            orders.cut_before = _cross_off(self._cuts_before, api_key)
            if not orders.cut_before:
                orders.cut_after = _cross_off(self._cuts_after, api_key)
                if self._errors[api_key]:
                    orders.error_code = self._errors[api_key].popleft()
            self._hits[api_key] += bool(orders.cut_before or orders.cut_after or orders.error_code)
        return orders


def _cross_off(counts: Counter[int], api_key: int) -> bool:
    if counts[api_key] <= 0:
        return False
    counts[api_key] -= 1
    return True
