"""The group coordinator: who may join, sync, stay, leave and commit, in every classic consumer group.

Static members are tolerated: one that comes back under its instance id takes its old place, but the group rebalances
(Apache Kafka would spare it that). Group membership lives in memory only: after a new process every member is unknown
and joins anew, which fences whatever it still had in flight.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from workers.embedded.codes import Code
from workers.embedded.group_offsets import GroupOffsets
from workers.embedded.membership import Group, GroupState, JoinAnswer, Member, SyncAnswer

__all__ = ["Groups", "JoinWish", "MemberClaim"]


@dataclass(frozen=True, slots=True)
class MemberClaim:
    """Who a request says it comes from."""

    group_id: str
    member_id: str
    instance_id: str | None = None
    generation: int = -1

    @property
    def is_anonymous(self) -> bool:
        """Whether the request names no member: a consumer that manages its partitions itself."""
        return self.generation < 0 and not self.member_id and self.instance_id is None


@dataclass(frozen=True, slots=True)
class JoinWish:
    """A request to join."""

    claim: MemberClaim
    client: tuple[str, str]
    session_s: float
    rebalance_s: float
    protocol_type: str
    protocols: dict[str, bytes]
    takes_two_steps: bool  # the client asks for its member id first (KIP-394)


class Groups:
    """Every consumer group by name."""

    def __init__(self, offsets: GroupOffsets, now: Callable[[], float]) -> None:
        self._offsets = offsets
        self._now = now
        self._groups: dict[str, Group] = {}

    def find(self, group_id: str) -> Group | None:
        """Return the group, also when it only has committed offsets; None when there is nothing of it."""
        found = self._groups.get(group_id)
        if found is None and group_id in self._offsets.groups():
            return Group(group_id, protocol_type="consumer")
        return found

    def all(self) -> list[Group]:
        """Return every group there is anything of."""
        names = self._groups.keys() | self._offsets.groups()
        return [group for name in sorted(names) if (group := self.find(name)) is not None]

    async def join(self, wish: JoinWish) -> JoinAnswer:
        """Let a member into the group's next generation, and answer when that is complete."""
        claim = wish.claim
        if not claim.group_id:
            return JoinAnswer(Code.INVALID_GROUP_ID, claim.member_id)
        if wish.session_s <= 0:
            return JoinAnswer(Code.INVALID_SESSION_TIMEOUT, claim.member_id)
        group = self._groups.setdefault(claim.group_id, Group(claim.group_id))
        if not group.supports(wish.protocol_type, set(wish.protocols)):
            return JoinAnswer(Code.INCONSISTENT_GROUP_PROTOCOL, claim.member_id)
        group.protocol_type = wish.protocol_type
        if not claim.member_id:
            return await self._join_new(group, wish)
        return await self._join_known(group, wish)

    async def sync(self, claim: MemberClaim, assignments: dict[str, bytes]) -> SyncAnswer:
        """Answer with the member's assignment as soon as the leader has given it."""
        code, group, member = self._check(claim)
        if code or group is None or member is None:
            return SyncAnswer(code)
        member.last_seen = self._now()
        answer = group.sync(member, assignments)
        return answer if isinstance(answer, SyncAnswer) else await answer

    def heartbeat(self, claim: MemberClaim) -> Code:
        """Keep the member's session alive and say whether a rebalance waits for it."""
        code, group, member = self._check(claim)
        if code or group is None or member is None:
            return code
        member.last_seen = self._now()
        return Code.REBALANCE_IN_PROGRESS if group.state is GroupState.PREPARING else Code.NONE

    def leave(self, claim: MemberClaim) -> Code:
        """Take a member out at its own wish, or a static one by its instance id."""
        group = self._groups.get(claim.group_id)
        if group is None:
            return Code.UNKNOWN_MEMBER_ID
        member_id = claim.member_id or _by_instance(group, claim.instance_id)
        if group.promised.pop(member_id, None) is not None:
            group.complete_if_ready(self._now())
            return Code.NONE
        if member_id not in group.members:
            return Code.UNKNOWN_MEMBER_ID
        group.remove(member_id, self._now())
        return Code.NONE

    def check_commit(self, claim: MemberClaim) -> Code:
        """Judge whether this member may commit offsets now."""
        group = self._groups.get(claim.group_id)
        if claim.is_anonymous:
            return Code.UNKNOWN_MEMBER_ID if group is not None and group.members else Code.NONE
        code, group, member = self._check(claim)
        if code or group is None or member is None:
            return code
        member.last_seen = self._now()
        return Code.REBALANCE_IN_PROGRESS if group.state is GroupState.COMPLETING else Code.NONE

    def check_transactional_commit(self, claim: MemberClaim) -> Code:
        """Judge whether offsets of this member may go into a transaction (KIP-447); older clients name nobody."""
        return Code.NONE if claim.is_anonymous else self._check(claim)[0]

    def delete(self, group_id: str) -> Code:
        """Remove a group without members, and its offsets."""
        group = self.find(group_id)
        if group is None:
            return Code.GROUP_ID_NOT_FOUND
        if group.members:
            return Code.NON_EMPTY_GROUP
        self._offsets.forget_group(group_id)
        self._groups.pop(group_id, None)
        return Code.NONE

    def expire(self) -> None:
        """Drop members whose session ran out and finish rebalances whose time is up."""
        for group in self._groups.values():
            group.expire(self._now())

    def resume(self) -> None:
        """After a stop: give every member a fresh session."""
        for group in self._groups.values():
            group.resume(self._now())

    async def _join_new(self, group: Group, wish: JoinWish) -> JoinAnswer:
        replaced = _by_instance(group, wish.claim.instance_id)
        member_id = f"{wish.client[0]}-{uuid.uuid4()}"
        if replaced:
            group.remove(replaced, self._now(), Code.FENCED_INSTANCE_ID)
        elif wish.takes_two_steps and wish.claim.instance_id is None:
            group.promised[member_id] = self._now() + wish.session_s
            return JoinAnswer(Code.MEMBER_ID_REQUIRED, member_id)
        return await group.join(self._member(member_id, wish), self._now())

    async def _join_known(self, group: Group, wish: JoinWish) -> JoinAnswer:
        member_id = wish.claim.member_id
        if member_id in group.promised:
            return await group.join(self._member(member_id, wish), self._now())
        code, member = _find_member(group, wish.claim)
        if code or member is None:
            return JoinAnswer(code, member_id)
        repeats = member.protocols == wish.protocols
        if repeats and (
            group.state is GroupState.COMPLETING or (group.state is GroupState.STABLE and member_id != group.leader)
        ):
            member.last_seen = self._now()
            return group.present_answer(member)
        renewed = self._member(member_id, wish)
        renewed.assignment, renewed.joining, renewed.syncing = member.assignment, member.joining, member.syncing
        return await group.join(renewed, self._now())

    def _member(self, member_id: str, wish: JoinWish) -> Member:
        return Member(
            member_id=member_id,
            instance_id=wish.claim.instance_id,
            client=wish.client,
            session_s=wish.session_s,
            rebalance_s=wish.rebalance_s,
            protocols=wish.protocols,
            last_seen=self._now(),
        )

    def _check(self, claim: MemberClaim) -> tuple[Code, Group | None, Member | None]:
        group = self._groups.get(claim.group_id)
        if group is None:
            return Code.UNKNOWN_MEMBER_ID, None, None
        code, member = _find_member(group, claim)
        if member is not None and claim.generation != group.generation:
            return Code.ILLEGAL_GENERATION, None, None
        return code, group, member


def _find_member(group: Group, claim: MemberClaim) -> tuple[Code, Member | None]:
    holder = _by_instance(group, claim.instance_id)
    if holder and holder != claim.member_id:
        return Code.FENCED_INSTANCE_ID, None
    member = group.members.get(claim.member_id)
    return (Code.UNKNOWN_MEMBER_ID, None) if member is None else (Code.NONE, member)


def _by_instance(group: Group, instance_id: str | None) -> str:
    if instance_id is None:
        return ""
    return next((m.member_id for m in group.members.values() if m.instance_id == instance_id), "")
