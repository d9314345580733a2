"""OffsetCommit, OffsetFetch, OffsetDelete: the wire side of committed offsets."""

from __future__ import annotations

from typing import Any

from kafka.protocol.consumer import OffsetCommitResponse, OffsetDeleteResponse, OffsetFetchResponse

from workers.embedded.call import Call
from workers.embedded.codes import Code
from workers.embedded.group_offsets import Committed, Place
from workers.embedded.groups import MemberClaim
from workers.embedded.state import BrokerState

__all__ = ["committed_from", "offset_commit", "offset_delete", "offset_fetch"]

_NOTHING = Committed(-1)
_CommitTopic = OffsetCommitResponse.OffsetCommitResponseTopic
_CommitPartition = _CommitTopic.OffsetCommitResponsePartition
_FetchTopic = OffsetFetchResponse.OffsetFetchResponseTopic
_FetchPartition = _FetchTopic.OffsetFetchResponsePartition
_DeleteTopic = OffsetDeleteResponse.OffsetDeleteResponseTopic
_DeletePartition = _DeleteTopic.OffsetDeleteResponsePartition


def committed_from(part: Any) -> Committed:
    """Read a committed offset from one partition of a commit request."""
    return Committed(part.committed_offset, part.committed_leader_epoch, part.committed_metadata or "")


def offset_commit(state: BrokerState, call: Call) -> Any:
    """Answer an OffsetCommit request; offsets of unknown partitions are refused, the others taken."""
    request = call.request
    claim = MemberClaim(
        request.group_id, request.member_id, request.group_instance_id, request.generation_id_or_member_epoch
    )
    code = call.forced or state.groups.check_commit(claim)
    taken: dict[Place, Committed] = {}
    topics = []
    for topic in request.topics:
        partitions = []
        for part in topic.partitions:
            known = state.topics.find_log(topic.name, part.partition_index) is not None
            if known and not code:
                taken[topic.name, part.partition_index] = committed_from(part)
            refusal = code or (Code.NONE if known else Code.UNKNOWN_TOPIC_OR_PARTITION)
            partitions.append(
                _CommitPartition(version=call.version, partition_index=part.partition_index, error_code=refusal)
            )
        topics.append(_CommitTopic(version=call.version, name=topic.name, partitions=partitions))
    if taken:
        state.offsets.commit(request.group_id, taken)
    return OffsetCommitResponse(version=call.version, throttle_time_ms=0, topics=topics)


def offset_fetch(state: BrokerState, call: Call) -> Any:
    """Answer an OffsetFetch request for the named partitions, or for everything the group committed."""
    request = call.request
    if request.topics is None:
        asked: dict[str, list[int]] = {}
        for topic, partition in state.offsets.of(request.group_id):
            asked.setdefault(topic, []).append(partition)
    else:
        asked = {topic.name: list(topic.partition_indexes) for topic in request.topics}
    topics = [
        _FetchTopic(
            version=call.version,
            name=topic,
            partitions=[_fetched(state, call, (topic, partition)) for partition in partitions],
        )
        for topic, partitions in asked.items()
    ]
    return OffsetFetchResponse(version=call.version, throttle_time_ms=0, error_code=call.forced, topics=topics)


def offset_delete(state: BrokerState, call: Call) -> Any:
    """Answer an OffsetDelete request; a group with members keeps its offsets."""
    request = call.request
    group = state.groups.find(request.group_id)
    code: int = call.forced or (Code.GROUP_ID_NOT_FOUND if group is None else Code.NONE)
    refusal = Code.GROUP_SUBSCRIBED_TO_TOPIC if group is not None and group.members else Code.NONE
    places = [(topic.name, part.partition_index) for topic in request.topics for part in topic.partitions]
    if not code and not refusal:
        state.offsets.forget(request.group_id, places)
    topics = [
        _DeleteTopic(
            version=call.version,
            name=topic.name,
            partitions=[
                _DeletePartition(version=call.version, partition_index=part.partition_index, error_code=refusal)
                for part in topic.partitions
            ],
        )
        for topic in request.topics
    ]
    return OffsetDeleteResponse(version=call.version, error_code=code, throttle_time_ms=0, topics=topics)


def _fetched(state: BrokerState, call: Call, place: Place) -> Any:
    group = call.request.group_id
    committed = state.offsets.of(group).get(place, _NOTHING)
    unstable = call.request.require_stable and state.offsets.is_held(group, place)
    return _FetchPartition(
        version=call.version,
        partition_index=place[1],
        committed_offset=-1 if unstable else committed.offset,
        committed_leader_epoch=committed.leader_epoch,
        metadata=committed.metadata,
        error_code=Code.UNSTABLE_OFFSET_COMMIT if unstable else Code.NONE,
    )
