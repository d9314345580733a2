"""Fixtures that give tests a Kafka broker: the embedded one, Apache Kafka, or each in turn."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from kafka import KafkaAdminClient

from tests.support.kafka_server import ApacheKafka, find_kafka
from tests.support.requirement import require
from workers.embedded.broker import EmbeddedBroker

__all__ = ["Broker", "any_broker", "apache_kafka", "embedded_broker"]


@dataclass(frozen=True)
class Broker:
    """A running broker as clients see it; topics get fresh names, so that tests can share it."""

    kind: str
    bootstrap: str

    def admin(self) -> KafkaAdminClient:
        """Open an admin client; the caller closes it."""
        return KafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=15_000)

    def create_topic(self, name: str, partitions: int = 1, configs: Mapping[str, str] | None = None) -> str:
        """Create a topic over the wire and return its name."""
        admin = self.admin()
        try:
            wish = {"num_partitions": partitions, "replication_factor": 1, "configs": dict(configs or {})}
            admin.create_topics({name: wish})
            admin.wait_for_topics([name], timeout_ms=15_000)  # Apache Kafka answers before every leader is known
        finally:
            admin.close()
        return name

    def new_topic(self, partitions: int = 1, configs: Mapping[str, str] | None = None) -> str:
        """Create a topic with a name nobody used and return it."""
        return self.create_topic(self.unique("topic"), partitions, configs)

    @staticmethod
    def unique(prefix: str) -> str:
        """Make a name for a topic, group or transactional id that nobody used."""
        return f"{prefix}-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def apache_kafka() -> Iterator[ApacheKafka]:
    """One Apache Kafka for the whole run; tests that stop it must start it again."""
    require(find_kafka())
    with ApacheKafka() as kafka:
        yield kafka


@pytest.fixture(scope="session")
def shared_embedded_broker() -> Iterator[EmbeddedBroker]:
    """One embedded broker for the whole run, never disturbed."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """A fresh embedded broker whose faults and life are the test's own."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def any_broker(request: pytest.FixtureRequest) -> Broker:
    """The embedded broker and Apache Kafka, one after the other."""
    if request.param == "embedded":
        return Broker("embedded", request.getfixturevalue("shared_embedded_broker").bootstrap)
    return Broker("apache", request.getfixturevalue("apache_kafka").bootstrap)
