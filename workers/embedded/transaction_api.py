"""InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit, EndTxn: the wire side of transactions.

Older versions of a request do not know PRODUCER_FENCED and are told INVALID_PRODUCER_EPOCH (KIP-588).
"""

from __future__ import annotations

from typing import Any

from kafka.protocol.producer import (
    AddOffsetsToTxnResponse,
    AddPartitionsToTxnResponse,
    EndTxnResponse,
    InitProducerIdResponse,
    TxnOffsetCommitResponse,
)

from workers.embedded.call import Call
from workers.embedded.codes import Code
from workers.embedded.group_offsets import Place
from workers.embedded.group_offsets_api import committed_from
from workers.embedded.groups import MemberClaim
from workers.embedded.state import BrokerState

__all__ = ["add_offsets_to_txn", "add_partitions_to_txn", "end_txn", "init_producer_id", "txn_offset_commit"]

_FENCED_SINCE = 2
_FENCED_SINCE_INIT = 4
_AddedTopic = AddPartitionsToTxnResponse.AddPartitionsToTxnTopicResult
_AddedPartition = _AddedTopic.AddPartitionsToTxnPartitionResult
_CommitTopic = TxnOffsetCommitResponse.TxnOffsetCommitResponseTopic
_CommitPartition = _CommitTopic.TxnOffsetCommitResponsePartition


def init_producer_id(state: BrokerState, call: Call) -> Any:
    """Answer an InitProducerId request for an idempotent or a transactional producer."""
    request = call.request
    code: int = call.forced
    producer = (-1, -1)
    if not code and request.transactional_id is None:
        producer = (state.transactions.new_producer_id(), 0)
    elif not code:
        present = (request.producer_id, request.producer_epoch)
        code, producer = state.transactions.init_producer(
            request.transactional_id, request.transaction_timeout_ms, present
        )
        state.arrivals.ring()
    return InitProducerIdResponse(
        version=call.version,
        throttle_time_ms=0,
        error_code=_for_version(code, call.version, _FENCED_SINCE_INIT),
        producer_id=producer[0],
        producer_epoch=producer[1],
    )


def add_partitions_to_txn(state: BrokerState, call: Call) -> Any:
    """Answer an AddPartitionsToTxn request: all partitions are entered, or none."""
    request = call.request
    places = {(topic.name, partition) for topic in request.v3_and_below_topics for partition in topic.partitions}
    unknown = {place for place in places if state.topics.find_log(*place) is None}
    code = call.forced
    if not code and not unknown:
        producer = (request.v3_and_below_producer_id, request.v3_and_below_producer_epoch)
        code = state.transactions.add_partitions(request.v3_and_below_transactional_id, producer, places)
    code = _for_version(code, call.version, _FENCED_SINCE)

    def code_of(place: Place) -> int:
        if code or not unknown:
            return code
        return Code.UNKNOWN_TOPIC_OR_PARTITION if place in unknown else Code.OPERATION_NOT_ATTEMPTED

    results = [
        _AddedTopic(
            version=call.version,
            name=topic.name,
            results_by_partition=[
                _AddedPartition(
                    version=call.version,
                    partition_index=partition,
                    partition_error_code=code_of((topic.name, partition)),
                )
                for partition in topic.partitions
            ],
        )
        for topic in request.v3_and_below_topics
    ]
    return AddPartitionsToTxnResponse(version=call.version, throttle_time_ms=0, results_by_topic_v3_and_below=results)


def add_offsets_to_txn(state: BrokerState, call: Call) -> Any:
    """Answer an AddOffsetsToTxn request."""
    request = call.request
    producer = (request.producer_id, request.producer_epoch)
    code = call.forced or state.transactions.add_group(request.transactional_id, producer, request.group_id)
    return AddOffsetsToTxnResponse(
        version=call.version, throttle_time_ms=0, error_code=_for_version(code, call.version, _FENCED_SINCE)
    )


def txn_offset_commit(state: BrokerState, call: Call) -> Any:
    """Answer a TxnOffsetCommit request; a member of an older generation is refused (KIP-447)."""
    request = call.request
    claim = MemberClaim(request.group_id, request.member_id, request.group_instance_id, request.generation_id)
    code = call.forced or state.groups.check_transactional_commit(claim)
    if not code:
        offsets = {
            (topic.name, part.partition_index): committed_from(part)
            for topic in request.topics
            for part in topic.partitions
        }
        producer = (request.producer_id, request.producer_epoch)
        code = state.transactions.stage_offsets(request.transactional_id, producer, request.group_id, offsets)
    topics = [
        _CommitTopic(
            version=call.version,
            name=topic.name,
            partitions=[
                _CommitPartition(version=call.version, partition_index=part.partition_index, error_code=code)
                for part in topic.partitions
            ],
        )
        for topic in request.topics
    ]
    return TxnOffsetCommitResponse(version=call.version, throttle_time_ms=0, topics=topics)


def end_txn(state: BrokerState, call: Call) -> Any:
    """Answer an EndTxn request."""
    request = call.request
    producer = (request.producer_id, request.producer_epoch)
    code = call.forced or state.transactions.end(request.transactional_id, producer, commit=request.committed)
    state.arrivals.ring()
    return EndTxnResponse(
        version=call.version, throttle_time_ms=0, error_code=_for_version(code, call.version, _FENCED_SINCE)
    )


def _for_version(code: int, version: int, fenced_since: int) -> int:
    return Code.INVALID_PRODUCER_EPOCH if code == Code.PRODUCER_FENCED and version < fenced_since else code
