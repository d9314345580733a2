"""Laws of consumer groups, on the embedded broker and on Apache Kafka: offsets, rebalances, fencing."""

from __future__ import annotations

from typing import Any

import pytest
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import CommitFailedError, KafkaError, RebalanceInProgressError

from tests.support.brokers import Broker
from tests.support.kafka_clients import admin, consumer, poll, poll_until, producer, values


def fill(broker: Broker, topic: str, numbers: range, partitions: int = 1) -> None:
    with producer(broker) as client:
        for number in numbers:
            client.send(topic, value=b"%d" % number, partition=number % partitions)
        client.flush(timeout=10)


def test_a_group_resumes_where_it_committed(any_broker: Broker) -> None:
    topic, group = any_broker.new_topic(), any_broker.unique("group")
    fill(any_broker, topic, range(10))
    place = TopicPartition(topic, 0)
    with consumer(any_broker, topic, group_id=group) as first:
        assert len(poll(first, 10)) == 10
        first.commit({place: OffsetAndMetadata(6, "note", -1)})
        assert first.committed(place, metadata=True) == OffsetAndMetadata(6, "note", -1)
    with consumer(any_broker, topic, group_id=group) as second:
        assert values(poll(second, 4)) == [b"6", b"7", b"8", b"9"]
    with consumer(any_broker, topic, group_id=any_broker.unique("group")) as other:
        assert len(poll(other, 10)) == 10


def commit_settled(members: list[KafkaConsumer]) -> None:
    """Commit for each member, polling on while the group is still between two generations."""
    for member in members:
        for _ in range(50):
            try:
                member.commit(timeout_ms=5_000)
                break
            except RebalanceInProgressError:
                for other in members:
                    assert poll(other, 1, seconds=0.2) == []
        else:
            pytest.fail("the group never settled")


@pytest.mark.parametrize("protocol", ["eager", "cooperative"])
def test_two_members_share_and_take_over(any_broker: Broker, protocol: str) -> None:
    topic, group = any_broker.new_topic(partitions=4), any_broker.unique("group")
    config: dict[str, Any] = {"group_id": group}
    if protocol == "cooperative":
        config["partition_assignment_strategy"] = [CooperativeStickyAssignor()]
    fill(any_broker, topic, range(40), partitions=4)
    with consumer(any_broker, topic, **config) as first:
        assert len(poll(first, 40)) == 40
        first.commit()
        with consumer(any_broker, topic, **config) as second:
            both = [first, second]
            everything = {TopicPartition(topic, number) for number in range(4)}
            poll_until(
                both, lambda: first.assignment() ^ second.assignment() == everything and len(first.assignment()) == 2
            )
            fill(any_broker, topic, range(40, 80), partitions=4)
            seen: list[Any] = []
            while len(seen) < 40:
                seen += poll(first, 1, seconds=0.3) + poll(second, 1, seconds=0.3)
            assert sorted(int(value) for value in values(seen)) == list(range(40, 80))
            commit_settled(both)
        poll_until([first], lambda: len(first.assignment()) == 4)
        fill(any_broker, topic, range(80, 84), partitions=4)
        assert sorted(values(poll(first, 4))) == [b"80", b"81", b"82", b"83"]


def test_a_silent_member_loses_its_partitions_and_cannot_commit(any_broker: Broker) -> None:
    topic, group = any_broker.new_topic(), any_broker.unique("group")
    fill(any_broker, topic, range(5))
    quick = {
        "group_id": group,
        "max_poll_interval_ms": 1_000,
        "session_timeout_ms": 1_000,
        "heartbeat_interval_ms": 200,
    }
    with consumer(any_broker, topic, **quick) as silent:
        assert len(poll(silent, 5)) == 5
        with consumer(any_broker, topic, **quick) as second:
            assert len(poll(second, 5)) == 5
            with pytest.raises(CommitFailedError):
                silent.commit(timeout_ms=3_000)
            second.commit()


def test_a_lonely_consumer_commits_without_members_only(any_broker: Broker) -> None:
    topic, group = any_broker.new_topic(), any_broker.unique("group")
    place = TopicPartition(topic, 0)
    with consumer(any_broker, group_id=group) as lonely:
        lonely.assign([place])
        lonely.commit({place: OffsetAndMetadata(3, "", -1)})
        assert lonely.committed(place) == 3
        with consumer(any_broker, topic, group_id=group) as member:
            poll_until([member], lambda: bool(member.assignment()))
            with pytest.raises(CommitFailedError):
                lonely.commit({place: OffsetAndMetadata(1, "", -1)}, timeout_ms=3_000)
        assert lonely.committed(place) == 3


def test_a_static_member_comes_back(any_broker: Broker) -> None:
    topic, group = any_broker.new_topic(), any_broker.unique("group")
    fill(any_broker, topic, range(5))
    config = {"group_id": group, "group_instance_id": "worker-1"}
    with consumer(any_broker, topic, **config) as first:
        assert len(poll(first, 5)) == 5
        first.commit()
    fill(any_broker, topic, range(5, 8))
    with consumer(any_broker, topic, **config) as again:
        assert values(poll(again, 3)) == [b"5", b"6", b"7"]


def test_operators_see_and_delete_groups(any_broker: Broker) -> None:
    topic, group = any_broker.new_topic(), any_broker.unique("group")
    fill(any_broker, topic, range(3))
    place = TopicPartition(topic, 0)
    with (
        consumer(any_broker, topic, group_id=group, client_id="seen-by-operators") as member,
        admin(any_broker) as operator,
    ):
        assert len(poll(member, 3)) == 3
        member.commit()
        described = operator.describe_groups([group])[group]
        assert described["group_state"] == "Stable"
        assert [seen["client_id"] for seen in described["members"]] == ["seen-by-operators"]
        assert group in {listed["group_id"] for listed in operator.list_groups()}
        assert operator.list_group_offsets([group])[group][place].offset == 3
        assert "NonEmptyGroup" in str(operator.delete_groups([group]))
    with admin(any_broker) as operator:
        operator.delete_groups([group])
        assert group not in {listed["group_id"] for listed in operator.list_groups()}


def test_members_without_a_common_protocol_cannot_meet(any_broker: Broker) -> None:
    topic, group = any_broker.new_topic(), any_broker.unique("group")
    with consumer(any_broker, topic, group_id=group) as eager:
        poll_until([eager], lambda: bool(eager.assignment()))
        strategy = [CooperativeStickyAssignor()]
        with consumer(any_broker, topic, group_id=group, partition_assignment_strategy=strategy) as stranger:
            with pytest.raises(KafkaError):
                poll_until([stranger], lambda: bool(stranger.assignment()), seconds=5)
            assert eager.assignment()
