"""Topics on the brokers: what differs from what is declared, and how to put it right. Never deletes or shrinks anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from kafka.admin import ConfigResource
from kafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code
from msgspec import Struct

from workers.adapters.kafka_clients import admin_options, build_admin
from workers.adapters.kafka_errors import translate
from workers.errors import FatalError
from workers.settings import KafkaSettings, TopicSettings

__all__ = ["TopicAdmin", "TopicDifference", "missing_topics"]

Kind = Literal["missing", "partitions", "replication", "config"]


class TopicDifference(Struct, frozen=True, kw_only=True):
    """One way in which a topic is not as declared. `can_be_applied` is False where only a person may decide."""

    topic: str
    kind: Kind
    key: str
    is_now: str
    should_be: str
    can_be_applied: bool


class TopicAdmin:
    """Compares and alters topics. Every method raises DependencyError, FatalError."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Raises also ConfigError."""
        self._client = build_admin(admin_options(kafka))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def differences(self, declared: Sequence[TopicSettings]) -> list[TopicDifference]:
        """What is not as declared, in the order of the declaration. Settings that nobody declared are left alone."""
        try:
            present = self._partitions([topic.name for topic in declared])
            configs = self._configs(sorted(present))
        except KafkaError as error:
            raise translate(error) from error
        return [
            difference
            for topic in declared
            for difference in _differences(topic, present.get(topic.name), configs.get(topic.name, {}))
        ]

    def apply(self, declared: Sequence[TopicSettings]) -> tuple[list[TopicDifference], list[TopicDifference]]:
        """Create what is missing and alter what differs; what was done, and what is left for a person to decide.

        Partitions are only ever added, which moves keys to other partitions from then on.
        """
        found = self.differences(declared)
        wanted = {topic.name: topic for topic in declared}
        done = [difference for difference in found if difference.can_be_applied]
        try:
            self._create([wanted[d.topic] for d in done if d.kind == "missing"])
            self._add_partitions({d.topic: int(d.should_be) for d in done if d.kind == "partitions"})
            self._alter([d for d in done if d.kind == "config"])
        except KafkaError as error:
            raise translate(error) from error
        return done, [difference for difference in found if not difference.can_be_applied]

    def _partitions(self, names: list[str]) -> dict[str, list[dict[str, Any]]]:
        present: dict[str, list[dict[str, Any]]] = {}
        for topic in self._client.describe_topics(names):
            fault = for_code(topic["error_code"])
            if topic["error_code"] == 0:
                present[topic["name"]] = topic["partitions"]
            elif fault is not UnknownTopicOrPartitionError:
                raise fault(f"topic {topic['name']}")
        return present

    def _configs(self, names: list[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        resources = [ConfigResource("TOPIC", name) for name in names]
        answer = self._client.describe_configs(resources, config_filter="all").get("topic", {})
        return {name: {key: str(row["value"]) for key, row in rows.items()} for name, rows in answer.items()}

    def _create(self, topics: Sequence[TopicSettings]) -> None:
        if topics:
            wish = {
                topic.name: {
                    "num_partitions": topic.partitions,
                    "replication_factor": topic.replication,
                    "configs": {key: _text(value) for key, value in topic.configs.items()},
                }
                for topic in topics
            }
            self._client.create_topics(wish, wait_for_metadata=True)

    def _add_partitions(self, totals: dict[str, int]) -> None:
        if totals:
            self._client.create_partitions(totals)

    def _alter(self, differences: Sequence[TopicDifference]) -> None:
        by_topic: dict[str, dict[str, str]] = {}
        for difference in differences:
            by_topic.setdefault(difference.topic, {})[difference.key] = difference.should_be
        if not by_topic:
            return
        resources = [ConfigResource("TOPIC", name, configs=configs) for name, configs in by_topic.items()]
        answer = self._client.alter_configs(resources, raise_on_unknown=False).get("topic", {})
        for name, result in answer.items():
            if isinstance(result, KafkaError) or result not in {None, "OK", "NoError"}:
                raise FatalError("topic-settings-refused", f"{name}: {result}")


def _differences(
    topic: TopicSettings, partitions: list[dict[str, Any]] | None, configs: dict[str, str]
) -> Iterator[TopicDifference]:
    if partitions is None:
        shape = f"{topic.partitions} partitions, replication {topic.replication}"
        yield _difference(topic, "missing", "", "missing", shape)
        return
    if len(partitions) != topic.partitions:
        now, wanted = str(len(partitions)), str(topic.partitions)
        yield _difference(topic, "partitions", "", now, wanted, may=len(partitions) < topic.partitions)
    replicas = min((len(partition["replica_nodes"]) for partition in partitions), default=topic.replication)
    if replicas != topic.replication:
        yield _difference(topic, "replication", "", str(replicas), str(topic.replication), may=False)
    for key, value in topic.configs.items():
        if configs.get(key) != _text(value):
            yield _difference(topic, "config", key, configs.get(key, "not set"), _text(value))


def _difference(
    topic: TopicSettings, kind: Kind, key: str, is_now: str, should_be: str, *, may: bool = True
) -> TopicDifference:
    return TopicDifference(topic=topic.name, kind=kind, key=key, is_now=is_now, should_be=should_be, can_be_applied=may)


def _text(value: str | int | bool) -> str:  # noqa: FBT001 - a setting's value as TOML gives it
    return str(value).lower() if isinstance(value, bool) else str(value)


def missing_topics(kafka: KafkaSettings, needed: Sequence[str]) -> list[str]:
    """Which of `needed` do not exist, or may not be seen by us. Raises DependencyError, FatalError, ConfigError."""
    client = build_admin(admin_options(kafka))
    try:
        return sorted(set(needed) - set(client.list_topics()))
    except KafkaError as error:
        raise translate(error) from error
    finally:
        client.close()
