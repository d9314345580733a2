"""Laws of administration, on the embedded broker and on Apache Kafka: create, compare, alter, grow, delete."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (
    InvalidConfigurationError,
    InvalidPartitionsError,
    InvalidTopicError,
    KafkaError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)

from tests.support.brokers import Broker
from tests.support.kafka_clients import admin


def configs_of(operator: Any, topic: str, which: str = "modified") -> dict[str, str]:
    found = operator.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter=which)
    return {name: row["value"] for name, row in found["topic"][topic].items()}


def partitions_of(operator: Any, topic: str) -> int:
    (described,) = operator.describe_topics([topic])
    return len(described["partitions"])


def test_a_topic_is_created_with_its_settings(any_broker: Broker) -> None:
    topic = any_broker.new_topic(partitions=3, configs={"retention.ms": "3600000", "cleanup.policy": "compact"})
    with admin(any_broker) as operator:
        assert topic in operator.list_topics()
        assert partitions_of(operator, topic) == 3
        assert configs_of(operator, topic) == {"retention.ms": "3600000", "cleanup.policy": "compact"}
        everything = configs_of(operator, topic, "all")
        assert everything["max.message.bytes"] == "1048588"
        assert everything["retention.ms"] == "3600000"


def test_defaults_are_those_of_apache_kafka(any_broker: Broker) -> None:
    topic = any_broker.new_topic()
    with admin(any_broker) as operator:
        found = configs_of(operator, topic, "all")
    shown = (
        "cleanup.policy",
        "compression.type",
        "max.message.bytes",
        "min.insync.replicas",
        "retention.bytes",
        "retention.ms",
    )
    assert {name: found[name] for name in shown} == {
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "max.message.bytes": "1048588",
        "min.insync.replicas": "1",
        "retention.bytes": "-1",
        "retention.ms": "604800000",
    }


def test_settings_are_altered_one_by_one_and_taken_back(any_broker: Broker) -> None:
    topic = any_broker.new_topic(configs={"retention.ms": "1000"})
    with admin(any_broker) as operator:
        changes = {"max.message.bytes": "5000", "retention.ms": ("delete", None)}
        operator.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, changes)])
        assert configs_of(operator, topic) == {"max.message.bytes": "5000"}


def test_settings_can_be_replaced_whole(any_broker: Broker) -> None:
    topic = any_broker.new_topic(configs={"retention.ms": "1000"})
    with admin(any_broker) as operator:
        wanted = ConfigResource(ConfigResourceType.TOPIC, topic, {"max.message.bytes": "5000"})
        operator.alter_configs([wanted], incremental=False)
        assert configs_of(operator, topic)["max.message.bytes"] == "5000"


@pytest.mark.parametrize("configs", [{"no.such.setting": "1"}, {"retention.ms": "soon"}, {"cleanup.policy": "burn"}])
def test_wrong_settings_are_refused(any_broker: Broker, configs: dict[str, str]) -> None:
    with pytest.raises(InvalidConfigurationError):
        any_broker.new_topic(configs=configs)
    topic = any_broker.new_topic()
    with admin(any_broker) as operator:
        answer = operator.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic, configs)], raise_on_unknown=False
        )
        assert answer["topic"][topic] != "OK"
        assert configs_of(operator, topic) == {}


def test_wrong_topics_are_refused(any_broker: Broker) -> None:
    topic = any_broker.new_topic()
    with pytest.raises(TopicAlreadyExistsError):
        any_broker.create_topic(topic)
    with pytest.raises(InvalidTopicError):
        any_broker.create_topic("no spaces")
    with pytest.raises(InvalidPartitionsError):
        any_broker.new_topic(partitions=0)


def test_partitions_can_be_added_and_not_taken(any_broker: Broker) -> None:
    topic = any_broker.new_topic(partitions=2)
    with admin(any_broker) as operator:
        operator.create_partitions({topic: 4})
        assert partitions_of(operator, topic) == 4
        with pytest.raises(InvalidPartitionsError):
            operator.create_partitions({topic: 3})
        with pytest.raises(UnknownTopicOrPartitionError):
            operator.create_partitions({any_broker.unique("nowhere"): 3})


def test_asking_first_changes_nothing(any_broker: Broker) -> None:
    name, topic = any_broker.unique("dry"), any_broker.new_topic()
    with admin(any_broker) as operator:
        operator.create_topics({name: {"num_partitions": 1, "replication_factor": 1}}, validate_only=True)
        wish = ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "5"})
        operator.alter_configs([wish], validate_only=True)
        operator.create_partitions({topic: 9}, validate_only=True)
        assert name not in operator.list_topics()
        assert (configs_of(operator, topic), partitions_of(operator, topic)) == ({}, 1)


def test_a_deleted_topic_is_gone(any_broker: Broker) -> None:
    topic = any_broker.new_topic()
    with admin(any_broker) as operator:
        operator.delete_topics([topic])
        assert topic not in operator.list_topics()
        with pytest.raises(UnknownTopicOrPartitionError):
            operator.delete_topics([topic])


def test_the_cluster_is_described(any_broker: Broker) -> None:
    with admin(any_broker) as operator:
        (broker,) = operator.describe_cluster()["brokers"]
        assert f"{broker['host']}:{broker['port']}" == any_broker.bootstrap
        with pytest.raises(KafkaError):
            operator.describe_configs([ConfigResource(ConfigResourceType.BROKER, "99")])
