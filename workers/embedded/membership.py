"""One classic consumer group: its members, its generation, and how they rebalance.

    Empty ──join──▶ PreparingRebalance ──all joined, or time is up──▶ CompletingRebalance ──leader's sync──▶ Stable
                        ▲──────────── join, leave or loss of a member ───────────────┴──────────────────────┘

A pure state machine that is told the time; waiting members are futures that it resolves. It works the same for eager
and cooperative assignors, which differ only in what the clients put into the opaque metadata.
Source: https://cwiki.apache.org/confluence/display/KAFKA/Kafka+Client-side+Assignment+Proposal, KIP-345, KIP-394.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from workers.embedded.codes import Code

__all__ = ["Group", "GroupState", "JoinAnswer", "Member", "SyncAnswer"]

_INITIAL_DELAY_S = 0.05  # lets members that start together share the first generation


class GroupState(StrEnum):
    """The states as DescribeGroups spells them."""

    EMPTY = "Empty"
    PREPARING = "PreparingRebalance"
    COMPLETING = "CompletingRebalance"
    STABLE = "Stable"


class JoinAnswer(NamedTuple):
    """The answer to a join: an error, or the generation with its leader, protocol and (for the leader) members."""

    code: int
    member_id: str
    generation: int = -1
    protocol: str = ""
    leader: str = ""
    members: tuple[tuple[str, str | None, bytes], ...] = ()


class SyncAnswer(NamedTuple):
    """The answer to a sync: an error, or the member's assignment."""

    code: int
    assignment: bytes = b""


@dataclass(slots=True)
class Member:
    """A consumer in the group."""

    member_id: str
    instance_id: str | None
    client: tuple[str, str]  # client id and host
    session_s: float
    rebalance_s: float
    protocols: dict[str, bytes]  # the member's preferred first
    last_seen: float
    assignment: bytes = b""
    joining: asyncio.Future[JoinAnswer] | None = None
    syncing: asyncio.Future[SyncAnswer] | None = None

    def is_overdue(self, now: float) -> bool:
        """Whether the session ran out; a member that waits for the others cannot be blamed for being silent."""
        return self.joining is None and self.syncing is None and now - self.last_seen > self.session_s

    def answer_join(self, answer: JoinAnswer) -> None:
        """Resolve the waiting join, if there is one."""
        waiting, self.joining = self.joining, None
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def answer_sync(self, answer: SyncAnswer) -> None:
        """Resolve the waiting sync, if there is one."""
        waiting, self.syncing = self.syncing, None
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)


@dataclass(slots=True)
class Group:
    """A group and its members in the order in which they came."""

    group_id: str
    state: GroupState = GroupState.EMPTY
    generation: int = 0
    protocol_type: str = ""
    protocol: str = ""
    leader: str = ""
    members: dict[str, Member] = field(default_factory=dict)
    promised: dict[str, float] = field(default_factory=dict)  # member ids given out, and until when they are waited for
    _not_before: float = 0.0
    _deadline: float = 0.0

    def supports(self, protocol_type: str, names: set[str]) -> bool:
        """Whether a member with these protocols could live with the members there are."""
        if not self.members:
            return bool(names)
        return protocol_type == self.protocol_type and bool(
            names.intersection(*(m.protocols for m in self.members.values()))
        )

    def join(self, member: Member, now: float) -> asyncio.Future[JoinAnswer]:
        """Take the member into the next generation; the future resolves when that generation is complete."""
        member.answer_join(JoinAnswer(Code.REBALANCE_IN_PROGRESS, member.member_id))  # an older attempt of the same
        self.members[member.member_id] = member
        self.promised.pop(member.member_id, None)
        member.joining = asyncio.get_running_loop().create_future()
        self.rebalance(now)
        waiting = member.joining
        self.complete_if_ready(now)
        return waiting

    def present_answer(self, member: Member) -> JoinAnswer:
        """Answer a join with the generation there is."""
        listed: tuple[tuple[str, str | None, bytes], ...] = ()
        if member.member_id == self.leader:
            listed = tuple((m.member_id, m.instance_id, m.protocols[self.protocol]) for m in self.members.values())
        return JoinAnswer(Code.NONE, member.member_id, self.generation, self.protocol, self.leader, listed)

    def rebalance(self, now: float) -> None:
        """Begin a rebalance unless one is being prepared."""
        if self.state is GroupState.PREPARING:
            return
        for member in self.members.values():
            member.answer_sync(SyncAnswer(Code.REBALANCE_IN_PROGRESS))
        self._not_before = now + (_INITIAL_DELAY_S if self.state is GroupState.EMPTY else 0.0)
        self._deadline = now + max((member.rebalance_s for member in self.members.values()), default=0.0)
        self.state = GroupState.PREPARING

    def complete_if_ready(self, now: float) -> None:
        """Begin the next generation when every member joined, or when the time for it is up."""
        if self.state is not GroupState.PREPARING or now < self._not_before:
            return
        all_joined = all(member.joining for member in self.members.values()) and not self.promised
        if all_joined or now >= self._deadline:
            self._next_generation(now)

    def sync(self, member: Member, assignments: dict[str, bytes]) -> SyncAnswer | asyncio.Future[SyncAnswer]:
        """Take the leader's assignments or wait for them; the caller has checked member and generation."""
        if self.state is GroupState.PREPARING:
            return SyncAnswer(Code.REBALANCE_IN_PROGRESS)
        if self.state is GroupState.COMPLETING and member.member_id == self.leader:
            self.state = GroupState.STABLE
            for other in self.members.values():
                other.assignment = assignments.get(other.member_id, b"")
                other.answer_sync(SyncAnswer(Code.NONE, other.assignment))
        if self.state is GroupState.STABLE:
            return SyncAnswer(Code.NONE, member.assignment)
        member.syncing = asyncio.get_running_loop().create_future()
        return member.syncing

    def remove(self, member_id: str, now: float, code: Code = Code.UNKNOWN_MEMBER_ID) -> None:
        """Take a member out; the others rebalance."""
        member = self.members.pop(member_id)
        member.answer_join(JoinAnswer(code, member_id))
        member.answer_sync(SyncAnswer(code))
        self.rebalance(now)
        if not self.members:
            self._next_generation(now)
        self.complete_if_ready(now)

    def expire(self, now: float) -> None:
        """Drop members and promises whose time is up, and finish a rebalance that waited for them."""
        self.promised = {member_id: until for member_id, until in self.promised.items() if until > now}
        for member_id in [member_id for member_id, member in self.members.items() if member.is_overdue(now)]:
            self.remove(member_id, now)
        self.complete_if_ready(now)

    def resume(self, now: float) -> None:
        """After a stop: nobody waits any more and every session starts anew."""
        for member in self.members.values():
            member.joining = member.syncing = None
            member.last_seen = now

    def _next_generation(self, now: float) -> None:
        for member in [member for member in self.members.values() if member.joining is None]:
            del self.members[member.member_id]
        self.generation += 1
        if not self.members:
            self.state, self.protocol, self.leader = GroupState.EMPTY, "", ""
            return
        if self.leader not in self.members:
            self.leader = next(iter(self.members))
        common = set.intersection(*(set(member.protocols) for member in self.members.values()))
        self.protocol = next(name for name in self.members[self.leader].protocols if name in common)
        self.state = GroupState.COMPLETING
        for member in self.members.values():
            member.last_seen = now
            member.assignment = b""
            member.answer_join(self.present_answer(member))
