"""ListGroups, DescribeGroups, DeleteGroups: what operators ask about consumer groups."""

from __future__ import annotations

from typing import Any

from kafka.protocol.admin import DeleteGroupsResponse, DescribeGroupsResponse, ListGroupsResponse

from workers.embedded.call import Call
from workers.embedded.codes import Code
from workers.embedded.membership import Group
from workers.embedded.state import BrokerState

__all__ = ["delete_groups", "describe_groups", "list_groups"]

_Listed = ListGroupsResponse.ListedGroup
_Described = DescribeGroupsResponse.DescribedGroup
_Member = _Described.DescribedGroupMember
_Deleted = DeleteGroupsResponse.DeletableGroupResult


def list_groups(state: BrokerState, call: Call) -> Any:
    """Answer a ListGroups request, with the state filter of version 4."""
    states = set(call.request.states_filter or ())
    groups = [
        _Listed(
            version=call.version,
            group_id=group.group_id,
            protocol_type=group.protocol_type,
            group_state=group.state.value,
            group_type="classic",
        )
        for group in state.groups.all()
        if not states or group.state.value in states
    ]
    return ListGroupsResponse(version=call.version, throttle_time_ms=0, error_code=call.forced, groups=groups)


def describe_groups(state: BrokerState, call: Call) -> Any:
    """Answer a DescribeGroups request; what there is nothing of is described as dead."""
    groups = [_described(state.groups.find(group_id), call, group_id) for group_id in call.request.groups]
    return DescribeGroupsResponse(version=call.version, throttle_time_ms=0, groups=groups)


def delete_groups(state: BrokerState, call: Call) -> Any:
    """Answer a DeleteGroups request."""
    results = [
        _Deleted(version=call.version, group_id=group_id, error_code=call.forced or state.groups.delete(group_id))
        for group_id in call.request.groups_names
    ]
    return DeleteGroupsResponse(version=call.version, throttle_time_ms=0, results=results)


def _described(group: Group | None, call: Call, group_id: str) -> Any:
    return _Described(
        version=call.version,
        error_code=call.forced or Code.NONE,
        group_id=group_id,
        group_state="Dead" if group is None else group.state.value,
        protocol_type="" if group is None else group.protocol_type,
        protocol_data="" if group is None else group.protocol,
        members=[] if group is None else _members(group, call.version),
    )


def _members(group: Group, version: int) -> list[Any]:
    return [
        _Member(
            version=version,
            member_id=member.member_id,
            group_instance_id=member.instance_id,
            client_id=member.client[0],
            client_host=member.client[1],
            member_metadata=member.protocols.get(group.protocol, b""),
            member_assignment=member.assignment,
        )
        for member in group.members.values()
    ]
