"""ListOffsets and OffsetForLeaderEpoch: where a partition begins, ends, and was at a time.

There is one leader for ever, so its epoch is always 0.
"""

from __future__ import annotations

from typing import Any

from kafka.protocol.consumer import ListOffsetsResponse, OffsetForLeaderEpochResponse

from workers.embedded.call import Call
from workers.embedded.codes import Code
from workers.embedded.log import PartitionLog
from workers.embedded.state import BrokerState

__all__ = ["list_offsets", "offset_for_leader_epoch"]

_LATEST, _EARLIEST, _NEWEST_RECORD = -1, -2, -3  # the timestamps with a special meaning
_UNKNOWN = (-1, -1)

_Topic = ListOffsetsResponse.ListOffsetsTopicResponse
_Partition = _Topic.ListOffsetsPartitionResponse
_EpochTopic = OffsetForLeaderEpochResponse.OffsetForLeaderTopicResult
_EpochPartition = _EpochTopic.EpochEndOffset


def list_offsets(state: BrokerState, call: Call) -> Any:
    """Answer a ListOffsets request."""
    topics = [
        _Topic(
            version=call.version,
            name=topic.name,
            partitions=[_partition(state, call, topic.name, part) for part in topic.partitions],
        )
        for topic in call.request.topics
    ]
    return ListOffsetsResponse(version=call.version, throttle_time_ms=0, topics=topics)


def offset_for_leader_epoch(state: BrokerState, call: Call) -> Any:
    """Answer an OffsetForLeaderEpoch request: epoch 0 reaches to the end of the log."""
    topics = [
        _EpochTopic(
            version=call.version,
            topic=topic.topic,
            partitions=[_epoch_end(state, call, topic.topic, part) for part in topic.partitions],
        )
        for topic in call.request.topics
    ]
    return OffsetForLeaderEpochResponse(version=call.version, throttle_time_ms=0, topics=topics)


def _partition(state: BrokerState, call: Call, topic: str, part: Any) -> Any:
    log = state.topics.find_log(topic, part.partition_index)
    code = call.forced or (Code.UNKNOWN_TOPIC_OR_PARTITION if log is None else Code.NONE)
    offset, timestamp = _UNKNOWN
    if log is not None and not code:
        offset, timestamp = _look_up(log, part.timestamp, committed_only=call.request.isolation_level == 1)
    return _Partition(
        version=call.version,
        partition_index=part.partition_index,
        error_code=code,
        timestamp=timestamp,
        offset=offset,
        leader_epoch=-1 if offset < 0 else 0,
    )


def _look_up(log: PartitionLog, timestamp: int, *, committed_only: bool) -> tuple[int, int]:
    bound = log.bound(committed_only=committed_only)
    if timestamp == _EARLIEST:
        return log.start_offset, -1
    if timestamp == _LATEST:
        return bound, -1
    found = log.find_newest() if timestamp == _NEWEST_RECORD else log.find_time(timestamp)
    return found if found is not None and found[0] < bound else _UNKNOWN


def _epoch_end(state: BrokerState, call: Call, topic: str, part: Any) -> Any:
    log = state.topics.find_log(topic, part.partition)
    code = call.forced or (Code.UNKNOWN_TOPIC_OR_PARTITION if log is None else Code.NONE)
    is_known = log is not None and not code and part.leader_epoch == 0
    return _EpochPartition(
        version=call.version,
        error_code=code,
        partition=part.partition,
        leader_epoch=0 if is_known else -1,
        end_offset=log.end_offset if log is not None and is_known else -1,
    )
