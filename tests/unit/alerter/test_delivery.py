"""Bringing alerts to a sink: who gets what, when it is tried again, and where it goes in the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.alerts import alert_of, alert_record_of
from tests.unit.tagger.fakes import CountingTelemetry, FakeClock, MemoryStream
from workers.alerter.delivery import SINK_HEADER, Delivery, DeliveryParts, Retries, is_passing
from workers.errors import DependencyError
from workers.formats.webhook import generic_body
from workers.model import Record, Tlp
from workers.settings.webhooks import WebhookSettings

UNDELIVERED = "intel.undelivered"


class FakeSink:
    """Takes what it is given, after as many failures as it is told."""

    def __init__(self, *failures: DependencyError) -> None:
        self.failures = list(failures)
        self.taken: list[str] = []
        self.tries = 0

    def send(self, key: str, body: bytes, timeout_s: float) -> None:
        assert body
        assert timeout_s > 0
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(key)

    def close(self) -> None:
        """Nothing to close."""


class Bench:
    """A delivery over fakes; waiting moves the clock."""

    def __init__(self, records: Sequence[Record], sink: FakeSink, **row: Any) -> None:
        self.clock = FakeClock()
        self.telemetry = CountingTelemetry()
        self.stream = MemoryStream(records)
        self.sink = sink
        self.waits: list[float] = []
        self.stop_after: int | None = None
        settings: dict[str, Any] = {"name": "soc", "kind": "slack", "url": "https://x.example/", "tlp_ceiling": "GREEN"}
        self.delivery = Delivery(
            DeliveryParts(
                row=WebhookSettings(**(settings | row)),
                body=generic_body,
                stream=self.stream,
                sink=sink,
                undelivered=UNDELIVERED,
                worker="1",
                clock=self.clock,
                telemetry=self.telemetry,
                pause=self._pause,
                chance=lambda: 1.0,
            )
        )

    def _pause(self, seconds: float) -> bool:
        if seconds:
            self.waits.append(seconds)
            self.clock.now += seconds
        return self.stop_after is not None and len(self.waits) >= self.stop_after

    def results(self) -> dict[str, float]:
        return {labels[2]: amount for labels, amount in self.telemetry.counters.items()}

    def turns(self, count: int = 3) -> None:
        for _ in range(count):
            self.delivery.turn()


def test_alerts_are_delivered_in_order_and_committed_one_by_one() -> None:
    records = [alert_record_of(alert_of(id=f"a{at}"), offset=at) for at in range(3)]
    bench = Bench(records, FakeSink())
    bench.turns()
    assert bench.sink.taken == ["a0", "a1", "a2"]
    assert bench.stream.committed[records[0].partition] == 3
    assert bench.results() == {"delivered": 3}


@pytest.mark.parametrize(
    ("parts", "row", "result"),
    [
        ({"tlp": None}, {}, "above-tlp"),
        ({"tlp": Tlp.AMBER}, {}, "above-tlp"),
        ({"tlp": Tlp.GREEN}, {}, "delivered"),
        ({"severity": "low"}, {"minimum_severity": "medium"}, "below-severity"),
        ({}, {"max_age_s": 900}, "too-old"),
    ],
)
def test_what_a_sink_may_not_or_need_not_have_is_not_sent(parts: Any, row: Any, result: str) -> None:
    record = alert_record_of(alert_of(**parts))
    bench = Bench([record], FakeSink(), **row)
    bench.turns(1)
    assert bench.results() == {result: 1}
    assert len(bench.sink.taken) == (result == "delivered")
    assert bench.stream.committed[record.partition] == 1
    assert bench.stream.published == []


def test_a_passing_failure_is_tried_again_with_growing_waits() -> None:
    failures = [
        DependencyError("soc", "http-503"),
        DependencyError("soc", "timeout"),
        DependencyError("soc", "connection"),
    ]
    bench = Bench([alert_record_of(alert_of())], FakeSink(*failures))
    bench.turns(1)
    assert bench.waits == [0.5, 1.0, 2.0]
    assert bench.results() == {"delivered": 1}


def test_a_sink_that_stays_down_leaves_its_alert_in_the_undelivered_topic() -> None:
    bench = Bench(
        [alert_record_of(alert_of())], FakeSink(*[DependencyError("soc", "http-500")] * 99), deadline_ms=20_000
    )
    bench.turns(1)
    (letter,) = bench.stream.published
    headers = dict(letter.headers)
    assert letter.topic == UNDELIVERED
    assert (headers[SINK_HEADER], headers["shirase-error-code"]) == (b"soc", b"http-500")
    assert letter.value == alert_record_of(alert_of()).value
    assert sum(bench.waits) < 20
    assert bench.results() == {"failed": 1}


def test_a_refusal_for_good_is_tried_once() -> None:
    bench = Bench([alert_record_of(alert_of())], FakeSink(DependencyError("soc", "http-404")))
    bench.turns(1)
    assert (bench.sink.tries, bench.waits) == (1, [])
    assert bench.results() == {"failed": 1}


def test_a_stop_between_tries_commits_nothing() -> None:
    record = alert_record_of(alert_of())
    bench = Bench([record], FakeSink(*[DependencyError("soc", "http-500")] * 9))
    bench.stop_after = 1
    bench.turns(1)
    assert bench.stream.committed == {}
    bench.delivery.run()  # told to stop already


def test_what_is_no_alert_goes_to_the_undelivered_topic() -> None:
    bench = Bench([alert_record_of(b"{")], FakeSink())
    bench.turns(1)
    assert dict(bench.stream.published[0].headers)["shirase-error-code"] == b"not-an-alert"
    assert bench.results() == {"unreadable": 1}


def test_after_a_lost_batch_the_alert_comes_again() -> None:
    bench = Bench([alert_record_of(alert_of())], FakeSink())
    bench.stream.lose_next = 1
    bench.turns(2)
    assert bench.stream.rewinds == 1
    assert len(bench.sink.taken) == 2  # at least once, under the same key
    assert bench.results() == {"delivered": 1}


@pytest.mark.parametrize(
    ("code", "passing"),
    [
        ("http-500", True),
        ("http-429", True),
        ("timeout", True),
        ("http-400", False),
        ("http-302", False),
        ("tls", False),
    ],
)
def test_which_failures_pass(code: str, passing: bool) -> None:
    assert is_passing(code) is passing


def test_a_sink_that_says_how_long_is_waited_for() -> None:
    retries = Retries(100.0, lambda: 0.0)
    assert retries.wait_after(DependencyError("soc", "http-429", retry_after=30.0), 0.0) == 30.0
    assert retries.wait_after(DependencyError("soc", "http-429", retry_after=300.0), 0.0) is None
