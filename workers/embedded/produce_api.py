"""Produce: check each partition's batch, append it once, and say where it lies."""

from __future__ import annotations

from typing import Any

from kafka.protocol.producer import ProduceResponse

from workers.embedded.batch import check_produced
from workers.embedded.call import Call
from workers.embedded.codes import Code
from workers.embedded.log import Appended
from workers.embedded.state import BrokerState
from workers.embedded.topic_config import max_message_bytes

__all__ = ["produce"]

_Topic = ProduceResponse.TopicProduceResponse
_Partition = _Topic.PartitionProduceResponse


def produce(state: BrokerState, call: Call) -> Any:
    """Answer a Produce request; one that wants no acknowledgement gets no answer."""
    responses = []
    for topic in call.request.topic_data:
        partitions = [_partition(state, call, topic.name, part) for part in topic.partition_data]
        responses.append(_Topic(version=call.version, name=topic.name, partition_responses=partitions))
    state.arrivals.ring()
    if call.request.acks == 0:
        return None
    return ProduceResponse(version=call.version, responses=responses, throttle_time_ms=0)


def _partition(state: BrokerState, call: Call, topic: str, part: Any) -> Any:
    appended = Appended(call.forced) if call.forced else _append(state, call, topic, part)
    log = state.topics.find_log(topic, part.index)
    return _Partition(
        version=call.version,
        index=part.index,
        error_code=appended.code,
        base_offset=appended.base_offset,
        log_append_time_ms=-1,
        log_start_offset=-1 if log is None else log.start_offset,
        record_errors=[],
        error_message=None,
    )


def _append(state: BrokerState, call: Call, topic_name: str, part: Any) -> Appended:
    topic = state.topics.find(topic_name)
    log = state.topics.find_log(topic_name, part.index)
    if topic is None or log is None:
        return Appended(Code.UNKNOWN_TOPIC_OR_PARTITION)
    batch = part.records or b""
    code, header = check_produced(batch)
    if code or header is None:
        return Appended(code)
    if len(batch) > max_message_bytes(topic.configs):
        return Appended(Code.MESSAGE_TOO_LARGE)
    if header.is_transactional:
        code = state.transactions.check_produce(call.request.transactional_id, header, (topic_name, part.index))
        if code:
            return Appended(code)
    return log.append(batch, header)
