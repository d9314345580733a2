"""Laws of consumer groups, on the embedded broker and on Apache Kafka: offsets, rebalances, fencing."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from kafka import OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import CommitFailedError, KafkaError, RebalanceInProgressError

from tests.support.brokers import Broker
from tests.support.kafka_clients import WAIT_S, admin, consumer, poll, poll_until, producer, values


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


class Worker(threading.Thread):
    """A member that polls without a pause, as kafka-python 3.0.12 needs it: it throws away the answer to a join
    that comes between two polls, so that members polled in turn by one thread can rebalance for ever."""

    def __init__(self, broker: Broker, topic: str, config: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.held: set[TopicPartition] = set()
        self.seen: list[int] = []
        self._leaving = threading.Event()
        self._open = (broker, topic, config)
        self.start()

    def run(self) -> None:
        broker, topic, config = self._open
        with consumer(broker, topic, **config) as client:
            while not self._leaving.is_set():
                records = [record for batch in client.poll(timeout_ms=500).values() for record in batch]
                self.seen += [int(record.value) for record in records]
                with contextlib.suppress(RebalanceInProgressError):
                    if records:
                        client.commit(timeout_ms=5_000)
                self.held = client.assignment()

    def leave(self) -> None:
        self._leaving.set()
        self.join(WAIT_S)
        assert not self.is_alive()


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline, "the group did not get there in time"
        time.sleep(0.05)


def membership(group: str, protocol: str) -> dict[str, Any]:
    """The settings of one member; a cooperative assignor remembers what its member owns, so each needs its own."""
    if protocol == "eager":
        return {"group_id": group}
    return {"group_id": group, "partition_assignment_strategy": [CooperativeStickyAssignor()]}


@pytest.mark.parametrize("protocol", ["eager", "cooperative"])
def test_two_members_share_and_take_over(any_broker: Broker, protocol: str) -> None:
    topic, group = any_broker.new_topic(partitions=4), any_broker.unique("group")
    fill(any_broker, topic, range(40), partitions=4)
    everything = {TopicPartition(topic, number) for number in range(4)}
    first = Worker(any_broker, topic, membership(group, protocol))
    wait_for(lambda: set(first.seen) == set(range(40)))
    second = Worker(any_broker, topic, membership(group, protocol))
    wait_for(lambda: len(first.held) == len(second.held) == 2 and first.held | second.held == everything)
    fill(any_broker, topic, range(40, 80), partitions=4)
    wait_for(lambda: set(first.seen) | set(second.seen) == set(range(80)))
    assert set(second.seen) == {number for number in range(40, 80) if TopicPartition(topic, number % 4) in second.held}
    second.leave()
    wait_for(lambda: first.held == everything)
    fill(any_broker, topic, range(80, 84), partitions=4)
    wait_for(lambda: set(range(80, 84)) <= set(first.seen))
    first.leave()
    assert sorted(first.seen + second.seen) == list(range(84))


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
