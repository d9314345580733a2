"""The laws of `workers.ports.Lane`, on each broker: one owner, whole commits, and a position that comes back."""

from __future__ import annotations

from unittest import mock

import pytest
from kafka import TopicPartition

from tests.support.brokers import Broker
from tests.support.kafka_clients import producer, read_all
from tests.unit.tagger.fakes import settings
from workers.adapters.kafka_lane import KafkaLane, KafkaOutlet, LanePlace
from workers.errors import DependencyError, FatalError, FencedError
from workers.model import OutgoingRecord
from workers.ports import LaneCommit
from workers.settings import KafkaSettings


class Stage:
    """Two topics of their own, and lanes on them."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.stories, self.state = broker.new_topic(partitions=2), broker.new_topic(partitions=2)
        self.alerts = broker.new_topic()
        self.group = broker.unique("group")
        self.kafka: KafkaSettings = settings(
            SHIRASE_KAFKA__BOOTSTRAP_SERVERS=broker.bootstrap,
            SHIRASE_KAFKA__REQUEST_TIMEOUT_MS="10000",
            SHIRASE_KAFKA__TRANSACTION_TIMEOUT_MS="15000",
        ).kafka

    def lane(self, number: int = 1) -> KafkaLane:
        place = LanePlace(group=self.group, stories=self.stories, state=self.state, number=number)
        return KafkaLane(self.kafka, place)

    def feed(self, count: int) -> None:
        with producer(self.broker) as client:
            for at in range(count):
                client.send(self.stories, b"%d" % at, partition=1)
            client.flush(10)

    def alert(self, value: bytes) -> OutgoingRecord:
        return OutgoingRecord(topic=self.alerts, key=b"story", value=value)


@pytest.fixture
def stage(any_broker: Broker) -> Stage:
    return Stage(any_broker)


def commit(stage: Stage, alert: bytes, position: int, **rows: bytes | None) -> LaneCommit:
    return LaneCommit(outputs=[stage.alert(alert)], rows=rows, position=position)


def test_what_was_committed_comes_back_whole(stage: Stage) -> None:
    first = stage.lane()
    assert first.restore() == ({}, 0)
    first.commit(commit(stage, b"1", 3, a=b"old", b=b"b"))
    first.commit(commit(stage, b"2", 7, a=b"new", b=None, c=b"c"))
    first.close()
    second = stage.lane()
    assert second.restore() == ({"a": b"new", "c": b"c"}, 7)
    other = stage.lane(0)
    assert other.restore() == ({}, 0)  # a lane sees its own partition only
    assert [record.value for record in read_all(stage.broker, stage.alerts)] == [b"1", b"2"]
    second.close()
    other.close()


def test_a_lane_that_was_taken_writes_nothing_any_more(stage: Stage) -> None:
    sleeper = stage.lane()
    sleeper._producer.begin_transaction()
    sleeper._producer.send(stage.alerts, b"open")
    sleeper._producer.flush()
    owner = stage.lane()
    assert owner.restore() == ({}, 0)
    owner.commit(commit(stage, b"owner", 1, a=b"owner"))
    with pytest.raises(FencedError):
        _finish(sleeper, stage)
    assert [record.value for record in read_all(stage.broker, stage.alerts)] == [b"owner"]
    again = stage.lane()
    assert again.restore() == ({"a": b"owner"}, 1)
    for lane in (sleeper, owner, again):
        lane.close()


def _finish(sleeper: KafkaLane, stage: Stage) -> None:
    """The sleeper goes on where it was: its transaction is open already."""
    with mock.patch.object(sleeper._producer, "begin_transaction"):
        sleeper.commit(commit(stage, b"sleeper", 1, a=b"sleeper"))


def test_what_was_passed_over_is_read_from_the_log(stage: Stage) -> None:
    stage.feed(10)
    lane = stage.lane()
    assert [(record.offset, record.value) for record in lane.read(4, 7)] == [(4, b"4"), (5, b"5"), (6, b"6")]
    lane.close()


def test_what_is_no_longer_in_the_log_is_no_small_matter(stage: Stage) -> None:
    stage.feed(10)
    with_admin = stage.broker.admin()
    with_admin.delete_records({TopicPartition(stage.stories, 1): 5})
    with_admin.close()
    lane = stage.lane()
    assert lane.restore() == ({}, 5)  # nothing was folded yet: the oldest there is
    with pytest.raises(FatalError, match="stories-deleted"):
        lane.read(2, 8)
    lane.close()


def test_an_outlet_returns_when_all_is_acknowledged(stage: Stage) -> None:
    outlet = KafkaOutlet(stage.kafka)
    outlet.publish([stage.alert(b"%d" % at) for at in range(3)])
    assert len(read_all(stage.broker, stage.alerts)) == 3
    outlet.close()


def test_where_no_broker_answers_a_lane_cannot_be_taken() -> None:
    kafka = settings(SHIRASE_KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1", SHIRASE_KAFKA__REQUEST_TIMEOUT_MS="2500").kafka
    with pytest.raises(DependencyError):
        KafkaOutlet(kafka)
