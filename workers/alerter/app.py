"""The Faust application: one agent a topic, nothing but transport. The only module that imports faust.

Faust 0.15.3 commits what was never processed when an exception leaves an agent, when more than one runs on a topic, and
where it acknowledges by itself. Hence, and held by tests: concurrency 1, `noack_take`, an acknowledgement only after
`take` has returned, and `take` never raises: after an error it does not return, and the host ends the process. Where
Faust itself lets an agent die, the supervisor of agents crashes the application instead of starting the agent again.

Nothing here decides anything about a record.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeAlias

import faust
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP
from mode.supervisors import CrashingSupervisor
from msgspec import Struct

from workers.errors import DependencyError
from workers.model import Partition, Record
from workers.settings import KafkaSettings, read_secret

__all__ = ["AppOptions", "ConsumerView", "Intake", "Take", "build_app"]

Take: TypeAlias = Callable[[Sequence[Record]], Awaitable[bool]]
_COMMIT_EVERY_S = 1.0


class Intake(Struct, frozen=True, kw_only=True):
    """A topic and what takes its records, batch by batch: `take` never raises, and says whether to acknowledge them."""

    topic: str
    take: Take


class AppOptions(Struct, frozen=True, kw_only=True):
    """What the application needs to know."""

    kafka: KafkaSettings
    group: str
    max_records: int
    max_wait_s: float
    on_assigned: Callable[[set[Partition]], None]
    on_revoked: Callable[[set[Partition]], None]


class _CommittedReads(AIOKafkaConsumerThread):
    """Reads committed records only; Faust offers that under its own transactions alone, which do not hold."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - the driver passes no such option
        return consumer


class _Consumer(Consumer):
    def _new_consumer_thread(self) -> Any:
        return _CommittedReads(self, loop=self.loop, beacon=self.beacon)


class _Transport(Transport):
    Consumer = _Consumer


class _App(faust.App):
    def _create_directories(self) -> None:
        """No folders: nothing is kept on disk."""


def build_app(options: AppOptions, intakes: Sequence[Intake]) -> faust.App:
    """The application with one agent for each intake. Connects to nothing before it is started.

    Raises ConfigError where a secret's file cannot be read.
    """
    kafka = options.kafka
    app = _App(
        options.group,
        broker=[f"kafka://{server.strip()}" for server in kafka.bootstrap_servers.split(",")],
        broker_credentials=_credentials(kafka),
        broker_client_id=kafka.client_id,
        broker_commit_interval=_COMMIT_EVERY_S,
        broker_session_timeout=kafka.session_timeout_ms / 1000,
        broker_heartbeat_interval=kafka.heartbeat_interval_ms / 1000,
        broker_request_timeout=max(kafka.request_timeout_ms, kafka.session_timeout_ms + 1000) / 1000,
        broker_rebalance_timeout=kafka.max_poll_interval_ms / 1000,
        broker_max_poll_interval=kafka.max_poll_interval_ms / 1000,
        broker_max_poll_records=options.max_records,
        consumer_auto_offset_reset="earliest",
        processing_guarantee="at_least_once",
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
        store="memory://",
        agent_supervisor=CrashingSupervisor,
    )
    app.transport = _Transport(app.conf.broker_consumer, app)
    app.on_partitions_assigned.connect(_telling(options.on_assigned), weak=False)
    app.on_partitions_revoked.connect(_telling(options.on_revoked), weak=False)
    for intake in intakes:
        topic = app.topic(intake.topic, key_serializer="raw", value_serializer="raw", internal=False)
        app.agent(topic, name=f"agent-{intake.topic}", concurrency=1)(_agent(intake.take, options))
    return app


def _agent(take: Take, options: AppOptions) -> Callable[[Any], Coroutine[Any, Any, None]]:
    async def agent(stream: Any) -> None:
        async for events in stream.noack_take(options.max_records, within=options.max_wait_s):
            if await take([_record(event.message) for event in events]):
                for event in events:
                    event.ack()

    return agent


def _record(message: Any) -> Record:
    return Record(
        partition=Partition(message.topic, message.partition),
        offset=message.offset,
        timestamp_ms=int(message.timestamp * 1000),
        key=message.key,
        value=message.value,
        headers=tuple((name, value or b"") for name, value in _pairs(message.headers)),
    )


def _pairs(headers: Any) -> Any:
    return headers.items() if isinstance(headers, Mapping) else headers or ()


def _telling(told: Callable[[set[Partition]], None]) -> Callable[..., Awaitable[None]]:
    async def tell(_: Any, places: set[TP], **__: Any) -> None:
        told({Partition(tp.topic, tp.partition) for tp in places})

    return tell


def _credentials(kafka: KafkaSettings) -> Any:
    encrypted = "SSL" in kafka.security_protocol.removeprefix("SASL_")
    context = _tls(kafka) if encrypted else None
    if not kafka.security_protocol.startswith("SASL"):
        return faust.SSLCredentials(context) if context is not None else None
    assert kafka.sasl_password_file is not None, "checked with the settings"
    return faust.SASLCredentials(
        mechanism=kafka.sasl_mechanism,
        username=kafka.sasl_username,
        password=read_secret(kafka.sasl_password_file, "kafka.sasl_password_file"),
        ssl_context=context,
    )


def _tls(kafka: KafkaSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=kafka.ssl_ca_file)
    if kafka.ssl_certificate_file is not None:
        context.load_cert_chain(kafka.ssl_certificate_file, kafka.ssl_key_file)
    return context


class ConsumerView:
    """What Faust's consumer says of its partitions."""

    def __init__(self, app: faust.App) -> None:
        self._app = app

    def owned(self, topic: str) -> frozenset[int]:
        """The partitions of `topic` that are assigned here now."""
        return frozenset(tp.partition for tp in self._app.consumer.assignment() if tp.topic == topic)

    def is_settled(self) -> bool:
        """Whether the partitions are dealt out and records flow."""
        return not self._app.rebalancing and (bool(self._app.consumer.assignment()) or bool(self._app.unassigned))

    async def lags(self) -> dict[Partition, int]:
        """Records that are in the log and were not acknowledged here, per partition assigned."""
        consumer = self._app.consumer
        waiting: dict[TP, int] = {}
        for message in list(consumer.unacked):
            waiting[message.tp] = waiting.get(message.tp, 0) + 1
        lags: dict[Partition, int] = {}
        for tp in consumer.assignment():
            end, at = consumer.highwater(tp), await consumer.position(tp)
            if end is not None and at is not None:
                lags[Partition(tp.topic, tp.partition)] = max(0, end - at) + waiting.get(tp, 0)
        return lags

    def crash(self) -> BaseException | None:
        """What ended the application by itself; None while it runs."""
        app = self._app
        if not (app.crashed or app.should_stop):
            return None
        reason = app.crash_reason
        if reason is None or type(reason).__module__.startswith("aiokafka"):
            return DependencyError("kafka", f"Faust ended: {type(reason).__name__}")
        found: BaseException = reason
        return found

    async def commit(self) -> None:
        """Commit what was acknowledged."""
        await self._app.consumer.commit()
