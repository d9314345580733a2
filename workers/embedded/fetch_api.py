"""Fetch: wait until enough can be read, then give whole batches as they were produced.

No fetch sessions: every answer says session 0, which makes clients name all their partitions each time.
"""

from __future__ import annotations

import asyncio
from typing import Any

from kafka.protocol.consumer import FetchResponse

from workers.embedded.call import Call
from workers.embedded.codes import Code
from workers.embedded.log import PartitionLog, Slice
from workers.embedded.state import BrokerState

__all__ = ["fetch"]

_Topic = FetchResponse.FetchableTopicResponse
_Partition = _Topic.PartitionData
_Aborted = _Partition.AbortedTransaction
_NOTHING = Slice(b"", [])


async def fetch(state: BrokerState, call: Call) -> Any:
    """Answer a Fetch request as soon as `min_bytes` can be read or `max_wait_ms` passed."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + call.request.max_wait_ms / 1000
    while not call.forced and not _is_due(state, call) and (left := deadline - loop.time()) > 0:
        await state.arrivals.wait(left)
    return _answer(state, call)


def _is_due(state: BrokerState, call: Call) -> bool:
    wanted = max(1, call.request.min_bytes)
    readable = 0
    for topic in call.request.topics:
        for part in topic.partitions:
            log = state.topics.find_log(topic.topic, part.partition)
            if log is None or _refusal(log, part.fetch_offset):
                return True
            readable += log.readable_bytes(part.fetch_offset, wanted, committed_only=_committed_only(call))
            if readable >= wanted:
                return True
    return False


def _answer(state: BrokerState, call: Call) -> Any:
    left = call.request.max_bytes
    is_first = True
    topics = []
    for topic in call.request.topics:
        partitions = []
        for part in topic.partitions:
            answer = _partition(state, call, (topic.topic, part), (left, is_first))
            left = max(0, left - len(answer.records))
            is_first = is_first and not answer.records
            partitions.append(answer)
        topics.append(_Topic(version=call.version, topic=topic.topic, partitions=partitions))
    return FetchResponse(version=call.version, throttle_time_ms=0, error_code=0, session_id=0, responses=topics)


def _partition(state: BrokerState, call: Call, asked: tuple[str, Any], budget: tuple[int, bool]) -> Any:
    topic, part = asked
    log = state.topics.find_log(topic, part.partition)
    code = call.forced or (Code.UNKNOWN_TOPIC_OR_PARTITION if log is None else _refusal(log, part.fetch_offset))
    committed_only = _committed_only(call)
    found = _NOTHING
    if log is not None and not code:
        found = log.read(
            part.fetch_offset,
            min(part.partition_max_bytes, budget[0]),
            committed_only=committed_only,
            at_least_one=budget[1],
        )
    return _Partition(
        version=call.version,
        partition_index=part.partition,
        error_code=code,
        high_watermark=-1 if log is None else log.end_offset,
        last_stable_offset=-1 if log is None else log.last_stable_offset,
        log_start_offset=-1 if log is None else log.start_offset,
        aborted_transactions=[
            _Aborted(version=call.version, producer_id=aborted.producer_id, first_offset=aborted.first_offset)
            for aborted in found.aborted
        ]
        if committed_only
        else None,
        preferred_read_replica=-1,
        records=found.records,
    )


def _refusal(log: PartitionLog, offset: int) -> int:
    return Code.NONE if log.start_offset <= offset <= log.end_offset else Code.OFFSET_OUT_OF_RANGE


def _committed_only(call: Call) -> bool:
    return bool(call.request.isolation_level == 1)
