"""JoinGroup, SyncGroup, Heartbeat, LeaveGroup: the wire side of the group coordinator."""

from __future__ import annotations

from typing import Any

from kafka.protocol.consumer import HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, SyncGroupResponse

from workers.embedded.call import Call
from workers.embedded.codes import Code
from workers.embedded.groups import JoinWish, MemberClaim
from workers.embedded.membership import JoinAnswer, SyncAnswer
from workers.embedded.state import BrokerState

__all__ = ["heartbeat", "join_group", "leave_group", "sync_group"]

_TWO_STEPS_SINCE = 4
_SEVERAL_LEAVERS_SINCE = 3
_Member = JoinGroupResponse.JoinGroupResponseMember
_Left = LeaveGroupResponse.MemberResponse


async def join_group(state: BrokerState, call: Call) -> Any:
    """Answer a JoinGroup request once the generation is complete."""
    request = call.request
    if call.forced:
        answer = JoinAnswer(call.forced, request.member_id)
    else:
        answer = await state.groups.join(_wish(call))
    members = [
        _Member(version=call.version, member_id=member_id, group_instance_id=instance_id, metadata=protocol)
        for member_id, instance_id, protocol in answer.members
    ]
    return JoinGroupResponse(
        version=call.version,
        throttle_time_ms=0,
        error_code=answer.code,
        generation_id=answer.generation,
        protocol_type=request.protocol_type,
        protocol_name=answer.protocol,
        leader=answer.leader,
        member_id=answer.member_id,
        members=members,
    )


async def sync_group(state: BrokerState, call: Call) -> Any:
    """Answer a SyncGroup request once the leader has given the assignments."""
    request = call.request
    if call.forced:
        answer = SyncAnswer(call.forced)
    else:
        assignments = {given.member_id: bytes(given.assignment) for given in request.assignments}
        answer = await state.groups.sync(_claim(request, request.generation_id), assignments)
    group = state.groups.find(request.group_id)
    return SyncGroupResponse(
        version=call.version,
        throttle_time_ms=0,
        error_code=answer.code,
        protocol_type="" if group is None else group.protocol_type,
        protocol_name="" if group is None else group.protocol,
        assignment=answer.assignment,
    )


def heartbeat(state: BrokerState, call: Call) -> Any:
    """Answer a Heartbeat request."""
    code = call.forced or state.groups.heartbeat(_claim(call.request, call.request.generation_id))
    return HeartbeatResponse(version=call.version, throttle_time_ms=0, error_code=code)


def leave_group(state: BrokerState, call: Call) -> Any:
    """Answer a LeaveGroup request for one member, or for several since version 3."""
    request = call.request
    if call.version < _SEVERAL_LEAVERS_SINCE:
        code = call.forced or state.groups.leave(MemberClaim(request.group_id, request.member_id))
        return LeaveGroupResponse(version=call.version, throttle_time_ms=0, error_code=code)
    left = [
        _Left(
            version=call.version,
            member_id=member.member_id,
            group_instance_id=member.group_instance_id,
            error_code=call.forced
            or state.groups.leave(MemberClaim(request.group_id, member.member_id, member.group_instance_id)),
        )
        for member in request.members
    ]
    return LeaveGroupResponse(version=call.version, throttle_time_ms=0, error_code=Code.NONE, members=left)


def _wish(call: Call) -> JoinWish:
    request = call.request
    session_s = request.session_timeout_ms / 1000
    return JoinWish(
        claim=_claim(request, -1),
        client=call.client,
        session_s=session_s,
        rebalance_s=request.rebalance_timeout_ms / 1000 if call.version else session_s,
        protocol_type=request.protocol_type,
        protocols={protocol.name: bytes(protocol.metadata) for protocol in request.protocols},
        takes_two_steps=call.version >= _TWO_STEPS_SINCE,
    )


def _claim(request: Any, generation: int) -> MemberClaim:
    return MemberClaim(request.group_id, request.member_id, request.group_instance_id, generation)
