"""The rules under which Faust is safe stand in the application as it is built."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mode.supervisors import CrashingSupervisor

from tests.unit.tagger.fakes import settings
from workers.alerter.app import AppOptions, Intake, _agent, _credentials, build_app
from workers.model import Partition, Record


async def take(_: Sequence[Record]) -> bool:
    return True


def options() -> AppOptions:
    return AppOptions(
        kafka=settings().kafka,
        group="g",
        max_records=10,
        max_wait_s=0.01,
        on_assigned=lambda _: None,
        on_revoked=lambda _: None,
    )


def seen(look: Callable[[Any], Any]) -> Any:
    """What `look` finds in the application; within a loop, since Faust would make one of its own and never close it."""

    async def inspect() -> Any:
        return look(build_app(options(), [Intake(topic="a", take=take), Intake(topic="b", take=take)]))

    return asyncio.run(inspect())


def test_one_agent_a_topic_and_one_at_a_time() -> None:
    found = seen(lambda app: [(agent.concurrency, agent.channel.topics) for agent in app.agents.values()])
    assert found == [(1, ("a",)), (1, ("b",))]


def test_the_settings_that_measured_safe() -> None:
    conf, tables = seen(lambda app: (app.conf, list(app.tables.values())))
    assert conf.processing_guarantee.value == "at_least_once"
    assert (conf.topic_allow_declare, conf.topic_disable_leader, conf.stream_wait_empty) == (False, True, False)
    assert (conf.web_enabled, conf.worker_redirect_stdouts, conf.consumer_auto_offset_reset) == (
        False,
        False,
        "earliest",
    )
    assert conf.agent_supervisor is CrashingSupervisor
    assert tables == []


def test_only_committed_records_are_read() -> None:
    def isolation(app: Any) -> str:
        thread = app.consumer._thread
        consumer = thread._create_worker_consumer(app.transport)
        consumer._closed = True  # neither was ever opened, and both would complain
        thread.thread_loop.close()
        found: str = consumer._isolation_level
        return found

    assert seen(isolation) == "read_committed"


class _Event:
    def __init__(self, offset: int, acked: list[int]) -> None:
        self.message = SimpleNamespace(
            topic="a", partition=1, offset=offset, timestamp=1.5, key=b"k", value=b"v", headers=[("h", None)]
        )
        self._acked = acked

    def ack(self) -> None:
        self._acked.append(self.message.offset)


class _Stream:
    """Hands out one batch, and says how it was asked for it."""

    def __init__(self, events: list[_Event]) -> None:
        self._events = events
        self.asked: list[tuple[int, float]] = []

    async def noack_take(self, count: int, within: float) -> Any:
        self.asked.append((count, within))
        yield self._events


@pytest.mark.parametrize("may", [True, False])
def test_a_batch_is_acknowledged_only_when_it_may_be(may: bool) -> None:
    acked: list[int] = []
    taken: list[Record] = []

    async def taking(records: Sequence[Record]) -> bool:
        assert acked == []
        taken.extend(records)
        return may

    stream = _Stream([_Event(3, acked), _Event(4, acked)])
    asyncio.run(_agent(taking, options())(stream))
    assert stream.asked == [(10, 0.01)]
    assert acked == ([3, 4] if may else [])
    assert taken[0] == Record(
        partition=Partition("a", 1), offset=3, timestamp_ms=1500, key=b"k", value=b"v", headers=(("h", b""),)
    )


def test_it_logs_in_as_the_settings_say(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("hush\n")
    login = {
        "SHIRASE_KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
        "SHIRASE_KAFKA__SASL_USERNAME": "shirase",
        "SHIRASE_KAFKA__SASL_PASSWORD_FILE": str(password),
    }
    plain = _credentials(settings(SHIRASE_KAFKA__SECURITY_PROTOCOL="SASL_PLAINTEXT", **login).kafka)
    assert (plain.mechanism.value, plain.username, plain.password) == ("SCRAM-SHA-512", "shirase", "hush")
    assert plain.ssl_context is None
    assert "hush" not in repr(plain)
    sealed = _credentials(settings(SHIRASE_KAFKA__SECURITY_PROTOCOL="SASL_SSL", **login).kafka)
    assert sealed.protocol.value == "SASL_SSL"
    assert sealed.ssl_context.check_hostname
    tls = _credentials(settings(SHIRASE_KAFKA__SECURITY_PROTOCOL="SSL").kafka)
    assert tls.context.check_hostname
    assert _credentials(settings().kafka) is None
