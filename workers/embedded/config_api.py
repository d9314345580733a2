"""DescribeConfigs, AlterConfigs, IncrementalAlterConfigs: the wire side of topic settings.

The broker's own settings can be read, for what clients look at, and not altered.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from kafka.protocol.admin import (
    AlterConfigsResponse,
    DescribeConfigsResponse,
    IncrementalAlterConfigsResponse,
)

from workers.embedded.call import Call
from workers.embedded.codes import Code
from workers.embedded.state import NODE_ID, BrokerState
from workers.embedded.topic_config import DEFAULTS, ConfigType, refusal

__all__ = ["Source", "alter_configs", "describe_configs", "incremental_alter_configs"]


class Source(IntEnum):
    """Where a setting's value comes from."""

    TOPIC = 1
    STATIC_BROKER = 4
    DEFAULT = 5


class _Operation(IntEnum):
    SET = 0
    DELETE = 1
    APPEND = 2
    SUBTRACT = 3


_TOPIC, _BROKER = 2, 4  # resource types
_BROKER_SETTINGS = {
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "message.max.bytes": DEFAULTS["max.message.bytes"].default,
    "min.insync.replicas": "1",
    "num.partitions": "1",
}
_Described = DescribeConfigsResponse.DescribeConfigsResult
_Row = _Described.DescribeConfigsResourceResult
_Synonym = _Row.DescribeConfigsSynonym


def describe_configs(state: BrokerState, call: Call) -> Any:
    """Answer a DescribeConfigs request for topics and for the broker."""
    results = [_described(state, call, resource) for resource in call.request.resources]
    return DescribeConfigsResponse(version=call.version, throttle_time_ms=0, results=results)


def alter_configs(state: BrokerState, call: Call) -> Any:
    """Answer an AlterConfigs request: the given settings replace all of the topic's."""
    answer = AlterConfigsResponse.AlterConfigsResourceResponse
    responses = []
    for resource in call.request.resources:
        wanted = {config.name: config.value for config in resource.configs}
        responses.append(_altered(state, call, (resource, answer), wanted))
    return AlterConfigsResponse(version=call.version, throttle_time_ms=0, responses=responses)


def incremental_alter_configs(state: BrokerState, call: Call) -> Any:
    """Answer an IncrementalAlterConfigs request: only the given settings change."""
    answer = IncrementalAlterConfigsResponse.AlterConfigsResourceResponse
    responses = []
    for resource in call.request.resources:
        topic = state.topics.find(resource.resource_name)
        wanted = _changed({} if topic is None else topic.configs, resource.configs)
        responses.append(_altered(state, call, (resource, answer), wanted))
    return IncrementalAlterConfigsResponse(version=call.version, throttle_time_ms=0, responses=responses)


def _changed(present: dict[str, str], changes: Iterable[Any]) -> dict[str, str | None]:
    wanted: dict[str, str | None] = dict(present)
    for change in changes:
        old = (present.get(change.name) or "").split(",")
        if change.config_operation == _Operation.DELETE:
            wanted.pop(change.name, None)
        elif change.config_operation == _Operation.APPEND:
            wanted[change.name] = ",".join([*filter(None, old), change.value])
        elif change.config_operation == _Operation.SUBTRACT:
            wanted[change.name] = ",".join(part for part in old if part != change.value)
        else:
            wanted[change.name] = change.value
    return wanted


def _altered(state: BrokerState, call: Call, target: tuple[Any, Any], wanted: dict[str, str | None]) -> Any:
    resource, answer = target
    topic = state.topics.find(resource.resource_name)
    code: int = call.forced
    message = None
    if not code and resource.resource_type != _TOPIC:
        code, message = Code.INVALID_REQUEST, "Only the settings of topics can be altered."
    elif not code and topic is None:
        code, message = Code.UNKNOWN_TOPIC_OR_PARTITION, "The topic does not exist."
    elif not code and (message := refusal(wanted)):
        code = Code.INVALID_CONFIG
    if not code and topic is not None and not call.request.validate_only:
        kept = {name: value for name, value in wanted.items() if value is not None}
        state.topics.declare(topic.name, len(topic.partitions), kept)
    return answer(
        version=call.version,
        error_code=code,
        error_message=message,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
    )


def _described(state: BrokerState, call: Call, resource: Any) -> Any:
    topic = state.topics.find(resource.resource_name)
    code: int = call.forced
    rows: list[Any] = []
    if not code and resource.resource_type == _TOPIC:
        code = Code.UNKNOWN_TOPIC_OR_PARTITION if topic is None else Code.NONE
        rows = [] if topic is None else _topic_rows(call, topic.configs)
    elif not code and (resource.resource_type, resource.resource_name) == (_BROKER, str(NODE_ID)):
        rows = [
            _row(call, (name, value), Source.STATIC_BROKER, ConfigType.STRING)
            for name, value in _BROKER_SETTINGS.items()
        ]
    elif not code:
        code = Code.INVALID_REQUEST
    wanted = resource.configuration_keys
    return _Described(
        version=call.version,
        error_code=code,
        error_message=None,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
        configs=[row for row in rows if wanted is None or row.name in wanted],
    )


def _topic_rows(call: Call, configs: dict[str, str]) -> list[Any]:
    return [
        _row(
            call,
            (name, configs.get(name, setting.default)),
            Source.TOPIC if name in configs else Source.DEFAULT,
            setting.type,
        )
        for name, setting in DEFAULTS.items()
    ]


def _row(call: Call, setting: tuple[str, str], source: Source, kind: ConfigType) -> Any:
    name, value = setting
    synonyms = [_Synonym(version=call.version, name=name, value=value, source=source)]
    return _Row(
        version=call.version,
        name=name,
        value=value,
        read_only=source is Source.STATIC_BROKER,
        is_default=source is Source.DEFAULT,
        config_source=source,
        is_sensitive=False,
        synonyms=synonyms if call.request.include_synonyms else [],
        config_type=kind,
        documentation=None,
    )
