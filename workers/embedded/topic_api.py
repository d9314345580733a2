"""CreateTopics, DeleteTopics, CreatePartitions, DeleteRecords: the wire side of topics."""

from __future__ import annotations

from typing import Any

from kafka.protocol.admin import (
    CreatePartitionsResponse,
    CreateTopicsResponse,
    DeleteRecordsResponse,
    DeleteTopicsResponse,
)

from workers.embedded.call import Call
from workers.embedded.codes import Code
from workers.embedded.config_api import Source
from workers.embedded.state import NODE_ID, BrokerState
from workers.embedded.topic_config import refusal
from workers.embedded.topics import is_topic_name

__all__ = ["create_partitions", "create_topics", "delete_records", "delete_topics"]

_DEFAULT = -1  # "as the broker likes it", for partitions and replicas
_TO_THE_END = -1
_CONFIGS_SINCE = 5
_Created = CreateTopicsResponse.CreatableTopicResult
_Config = _Created.CreatableTopicConfigs
_Deleted = DeleteTopicsResponse.DeletableTopicResult
_Grown = CreatePartitionsResponse.CreatePartitionsTopicResult
_TrimmedTopic = DeleteRecordsResponse.DeleteRecordsTopicResult
_TrimmedPartition = _TrimmedTopic.DeleteRecordsPartitionResult


def create_topics(state: BrokerState, call: Call) -> Any:
    """Answer a CreateTopics request topic by topic."""
    topics = [_created(state, call, wish) for wish in call.request.topics]
    return CreateTopicsResponse(version=call.version, throttle_time_ms=0, topics=topics)


def delete_topics(state: BrokerState, call: Call) -> Any:
    """Answer a DeleteTopics request."""
    responses = []
    for name in call.request.topic_names:
        code = call.forced or (Code.NONE if state.topics.find(name) else Code.UNKNOWN_TOPIC_OR_PARTITION)
        if not code:
            state.topics.delete(name)
        responses.append(_Deleted(version=call.version, name=name, error_code=code, error_message=None))
    state.arrivals.ring()
    return DeleteTopicsResponse(version=call.version, throttle_time_ms=0, responses=responses)


def create_partitions(state: BrokerState, call: Call) -> Any:
    """Answer a CreatePartitions request; partitions can only be added."""
    results = []
    for wish in call.request.topics:
        topic = state.topics.find(wish.name)
        code, message = _growth_refusal(call, 0 if topic is None else len(topic.partitions), wish.count)
        if not code and topic is not None and not call.request.validate_only:
            state.topics.declare(wish.name, wish.count, topic.configs)
        results.append(_Grown(version=call.version, name=wish.name, error_code=code, error_message=message))
    return CreatePartitionsResponse(version=call.version, throttle_time_ms=0, results=results)


def delete_records(state: BrokerState, call: Call) -> Any:
    """Answer a DeleteRecords request: what lies before the offset can no longer be read."""
    topics = [
        _TrimmedTopic(
            version=call.version,
            name=topic.name,
            partitions=[_trimmed(state, call, topic.name, part) for part in topic.partitions],
        )
        for topic in call.request.topics
    ]
    return DeleteRecordsResponse(version=call.version, throttle_time_ms=0, topics=topics)


def _created(state: BrokerState, call: Call, wish: Any) -> Any:
    partitions = len(wish.assignments) or (1 if wish.num_partitions == _DEFAULT else wish.num_partitions)
    configs = {config.name: config.value for config in wish.configs}
    code, message = _creation_refusal(state, call, wish, partitions)
    if not code and not call.request.validate_only:
        state.topics.declare(wish.name, partitions, configs)
    return _Created(
        version=call.version,
        name=wish.name,
        error_code=code,
        error_message=message,
        num_partitions=-1 if code else partitions,
        replication_factor=-1 if code else 1,
        configs=_shown(call.version, configs),
    )


def _shown(version: int, configs: dict[str, str]) -> list[Any]:
    if version < _CONFIGS_SINCE:
        return []
    return [
        _Config(
            version=version, name=name, value=value, read_only=False, config_source=Source.TOPIC, is_sensitive=False
        )
        for name, value in configs.items()
    ]


def _creation_refusal(state: BrokerState, call: Call, wish: Any, partitions: int) -> tuple[int, str | None]:
    if call.forced:
        return call.forced, None
    if not is_topic_name(wish.name):
        return Code.INVALID_TOPIC, f"Topic name is illegal: {wish.name!r}"
    if state.topics.find(wish.name):
        return Code.TOPIC_ALREADY_EXISTS, f"Topic '{wish.name}' already exists."
    if partitions < 1:
        return Code.INVALID_PARTITIONS, "Number of partitions must be larger than 0."
    replicas_fit = all(given.broker_ids == [NODE_ID] for given in wish.assignments)
    if wish.replication_factor not in {_DEFAULT, 1} or not replicas_fit:
        return Code.INVALID_REPLICATION_FACTOR, f"There is one broker, with id {NODE_ID}."
    message = refusal({config.name: config.value for config in wish.configs})
    return (Code.INVALID_CONFIG, message) if message else (Code.NONE, None)


def _growth_refusal(call: Call, present: int, wanted: int) -> tuple[int, str | None]:
    if call.forced:
        return call.forced, None
    if not present:
        return Code.UNKNOWN_TOPIC_OR_PARTITION, "The topic does not exist."
    if wanted <= present:
        return Code.INVALID_PARTITIONS, f"The topic has {present} partitions and cannot get {wanted}."
    return Code.NONE, None


def _trimmed(state: BrokerState, call: Call, topic: str, part: Any) -> Any:
    log = state.topics.find_log(topic, part.partition_index)
    code: int = call.forced
    if not code and log is None:
        code = Code.UNKNOWN_TOPIC_OR_PARTITION
    if log is not None and not code:
        offset = log.end_offset if part.offset == _TO_THE_END else part.offset
        if log.start_offset <= offset <= log.end_offset:
            state.topics.delete_records(topic, part.partition_index, offset)
        else:
            code = Code.OFFSET_OUT_OF_RANGE
    return _TrimmedPartition(
        version=call.version,
        partition_index=part.partition_index,
        low_watermark=-1 if log is None or code else log.start_offset,
        error_code=code,
    )
