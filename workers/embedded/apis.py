"""The table of what this broker speaks: API, versions, handler.

Highest versions are those before topic ids, fetch sessions without names, KIP-848 and KIP-890 came in; every client
negotiates down to them. Only versions that the handlers really answer may stand here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafka.protocol import admin, consumer, metadata, producer
from kafka.protocol.api_key import ApiKey

from workers.embedded import (
    cluster_api,
    config_api,
    fetch_api,
    group_admin_api,
    group_api,
    group_offsets_api,
    list_offsets_api,
    produce_api,
    topic_api,
    transaction_api,
)
from workers.embedded.call import Call, Handler
from workers.embedded.codes import Code
from workers.embedded.state import BrokerState

__all__ = ["APIS", "API_VERSIONS_KEY", "Api"]

API_VERSIONS_KEY = int(ApiKey.ApiVersions)
_Range = metadata.ApiVersionsResponse.ApiVersion


@dataclass(frozen=True, slots=True)
class Api:
    """One row: the request class, the versions answered, and who answers."""

    request: Any
    least: int
    greatest: int
    handle: Handler


def _api_versions(_state: BrokerState, call: Call) -> Any:
    is_known = call.version <= APIS[API_VERSIONS_KEY].greatest
    code = call.forced or (Code.NONE if is_known else Code.UNSUPPORTED_VERSION)
    # A client that asks in a version unknown here reads the answer as version 0 and asks again (KIP-511).
    version = call.version if is_known else 0
    ranges = [
        _Range(version=version, api_key=key, min_version=api.least, max_version=api.greatest)
        for key, api in sorted(APIS.items())
    ]
    return metadata.ApiVersionsResponse(version=version, error_code=code, api_keys=ranges, throttle_time_ms=0)


APIS: Mapping[int, Api] = {
    int(api.request.API_KEY): api
    for api in (
        Api(producer.ProduceRequest, 3, 9, produce_api.produce),
        Api(consumer.FetchRequest, 4, 11, fetch_api.fetch),
        Api(consumer.ListOffsetsRequest, 1, 7, list_offsets_api.list_offsets),
        Api(consumer.OffsetForLeaderEpochRequest, 2, 4, list_offsets_api.offset_for_leader_epoch),
        Api(metadata.MetadataRequest, 0, 9, cluster_api.metadata),
        Api(metadata.FindCoordinatorRequest, 0, 4, cluster_api.find_coordinator),
        Api(metadata.ApiVersionsRequest, 0, 3, _api_versions),
        Api(admin.DescribeClusterRequest, 0, 1, cluster_api.describe_cluster),
        Api(consumer.OffsetCommitRequest, 2, 8, group_offsets_api.offset_commit),
        Api(consumer.OffsetFetchRequest, 1, 7, group_offsets_api.offset_fetch),
        Api(consumer.OffsetDeleteRequest, 0, 0, group_offsets_api.offset_delete),
        Api(consumer.JoinGroupRequest, 0, 7, group_api.join_group),
        Api(consumer.SyncGroupRequest, 0, 5, group_api.sync_group),
        Api(consumer.HeartbeatRequest, 0, 4, group_api.heartbeat),
        Api(consumer.LeaveGroupRequest, 0, 4, group_api.leave_group),
        Api(admin.ListGroupsRequest, 0, 4, group_admin_api.list_groups),
        Api(admin.DescribeGroupsRequest, 0, 5, group_admin_api.describe_groups),
        Api(admin.DeleteGroupsRequest, 0, 2, group_admin_api.delete_groups),
        Api(producer.InitProducerIdRequest, 0, 4, transaction_api.init_producer_id),
        Api(producer.AddPartitionsToTxnRequest, 0, 3, transaction_api.add_partitions_to_txn),
        Api(producer.AddOffsetsToTxnRequest, 0, 3, transaction_api.add_offsets_to_txn),
        Api(producer.TxnOffsetCommitRequest, 0, 3, transaction_api.txn_offset_commit),
        Api(producer.EndTxnRequest, 0, 3, transaction_api.end_txn),
        Api(admin.CreateTopicsRequest, 0, 5, topic_api.create_topics),
        Api(admin.DeleteTopicsRequest, 0, 5, topic_api.delete_topics),
        Api(admin.CreatePartitionsRequest, 0, 3, topic_api.create_partitions),
        Api(admin.DeleteRecordsRequest, 0, 2, topic_api.delete_records),
        Api(admin.DescribeConfigsRequest, 1, 4, config_api.describe_configs),
        Api(admin.AlterConfigsRequest, 0, 2, config_api.alter_configs),
        Api(admin.IncrementalAlterConfigsRequest, 0, 1, config_api.incremental_alter_configs),
    )
}
