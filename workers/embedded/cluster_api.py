"""Metadata, FindCoordinator and DescribeCluster: this one broker is leader and coordinator of everything."""

from __future__ import annotations

from typing import Any

from kafka.protocol.admin import DescribeClusterResponse
from kafka.protocol.metadata import FindCoordinatorResponse, MetadataResponse

from workers.embedded.call import Call
from workers.embedded.codes import Code
from workers.embedded.loopback import HOST
from workers.embedded.state import CLUSTER_ID, NODE_ID, BrokerState

__all__ = ["describe_cluster", "find_coordinator", "metadata"]


_BATCHED_SINCE = 4

_Topic = MetadataResponse.MetadataResponseTopic
_Partition = _Topic.MetadataResponsePartition
_Coordinator = FindCoordinatorResponse.Coordinator


def metadata(state: BrokerState, call: Call) -> Any:
    """Answer a Metadata request; a topic that does not exist is named as unknown and never created."""
    asked = call.request.topics
    wants_all = asked is None or (call.version == 0 and not asked)
    names = [topic.name for topic in state.topics] if wants_all else [topic.name for topic in asked]
    broker = MetadataResponse.MetadataResponseBroker(
        version=call.version, node_id=NODE_ID, host=HOST, port=state.port, rack=None
    )
    return MetadataResponse(
        version=call.version,
        throttle_time_ms=0,
        brokers=[broker],
        cluster_id=CLUSTER_ID,
        controller_id=NODE_ID,
        topics=[_topic(state, call, name) for name in names],
    )


def find_coordinator(state: BrokerState, call: Call) -> Any:
    """Answer a FindCoordinator request for groups and transactions alike."""
    here: dict[str, Any] = {
        "error_code": call.forced,
        "error_message": None,
        "node_id": NODE_ID,
        "host": HOST,
        "port": state.port,
    }
    if call.version < _BATCHED_SINCE:
        return FindCoordinatorResponse(version=call.version, throttle_time_ms=0, **here)
    coordinators = [_Coordinator(version=call.version, key=key, **here) for key in call.request.coordinator_keys]
    return FindCoordinatorResponse(version=call.version, throttle_time_ms=0, coordinators=coordinators)


def describe_cluster(state: BrokerState, call: Call) -> Any:
    """Answer a DescribeCluster request."""
    broker = DescribeClusterResponse.DescribeClusterBroker(
        version=call.version, broker_id=NODE_ID, host=HOST, port=state.port, rack=None
    )
    return DescribeClusterResponse(
        version=call.version,
        throttle_time_ms=0,
        error_code=call.forced,
        error_message=None,
        endpoint_type=1,
        cluster_id=CLUSTER_ID,
        controller_id=NODE_ID,
        brokers=[broker],
    )


def _topic(state: BrokerState, call: Call, name: str) -> Any:
    topic = state.topics.find(name)
    code = call.forced or (Code.UNKNOWN_TOPIC_OR_PARTITION if topic is None else Code.NONE)
    count = 0 if topic is None or code else len(topic.partitions)
    partitions = [
        _Partition(
            version=call.version,
            error_code=0,
            partition_index=index,
            leader_id=NODE_ID,
            leader_epoch=0,
            replica_nodes=[NODE_ID],
            isr_nodes=[NODE_ID],
            offline_replicas=[],
        )
        for index in range(count)
    ]
    return _Topic(version=call.version, error_code=code, name=name, is_internal=False, partitions=partitions)
