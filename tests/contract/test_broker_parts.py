"""The embedded broker's pure parts, told the time and given bytes: no sockets, no clients."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from workers.embedded import batch as batches
from workers.embedded.apis import APIS
from workers.embedded.batch import BatchHeader
from workers.embedded.codes import Code
from workers.embedded.faults import FaultHooks
from workers.embedded.group_offsets import GroupOffsets
from workers.embedded.groups import Groups, JoinWish, MemberClaim
from workers.embedded.journal import MemoryJournal
from workers.embedded.log import PartitionLog
from workers.embedded.membership import GroupState, JoinAnswer
from workers.embedded.sequences import Sequences
from workers.embedded.storage import BatchStore, FileStore, MemoryStore
from workers.embedded.topic_config import refusal


def produced(count: int = 1, producer: tuple[int, int, int] = (-1, -1, -1), *, transactional: bool = False) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=transactional,
        producer_id=producer[0],
        producer_epoch=producer[1],
        base_sequence=producer[2],
        batch_size=1 << 20,
    )
    for number in range(count):
        builder.append(number, 1000 + number, b"k", b"v", [])
    return bytes(builder.build())


def append(log: PartitionLog, batch: bytes) -> tuple[int, int]:
    code, header = batches.check_produced(batch)
    assert code is Code.NONE
    assert header is not None
    appended = log.append(batch, header)
    return appended.code, appended.base_offset


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BatchStore:
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path / "0.log")


@pytest.mark.parametrize(
    ("at", "code"), [(16, Code.UNSUPPORTED_FOR_MESSAGE_FORMAT), (20, Code.CORRUPT_MESSAGE), (65, Code.CORRUPT_MESSAGE)]
)
def test_a_flipped_bit_is_found(at: int, code: Code) -> None:
    spoiled = bytearray(produced())
    spoiled[at] ^= 1
    assert batches.check_produced(bytes(spoiled))[0] is code


@given(st.binary(max_size=200))
def test_no_bytes_upset_the_check(junk: bytes) -> None:
    assert batches.check_produced(junk)[0] is not Code.NONE


def test_clients_may_not_write_markers_nor_two_batches_as_one() -> None:
    assert batches.check_produced(batches.marker((1, 0), commit=True, timestamp_ms=1))[0] is Code.INVALID_RECORD
    assert batches.check_produced(produced() + produced())[0] is Code.CORRUPT_MESSAGE


@pytest.mark.parametrize("commit", [True, False])
def test_a_marker_is_what_clients_expect(commit: bool) -> None:
    made = batches.marker((7, 3), commit=commit, timestamp_ms=99)
    assert batches.is_commit(made) is commit
    assert DefaultRecordBatch(made).validate_crc()
    read = DefaultRecordBatch(made)
    assert (read.is_control_batch, read.is_transactional, read.producer_id, read.producer_epoch) == (True, True, 7, 3)
    (record,) = read
    assert record.abort is not commit


def test_the_log_gives_offsets_and_reads_from_inside_a_batch(store: BatchStore) -> None:
    log = PartitionLog(store)
    assert [append(log, produced(count)) for count in (3, 1, 4)] == [(0, 0), (0, 3), (0, 4)]
    found = log.read(1, 1 << 20, committed_only=False, at_least_one=True)
    assert BatchHeader.read(found.records).base_offset == 0
    assert log.read(8, 1 << 20, committed_only=False, at_least_one=True).records == b""
    small = log.read(0, 1, committed_only=False, at_least_one=True)
    assert len(small.records) == BatchHeader.read(small.records).size
    assert log.read(0, 1, committed_only=False, at_least_one=False).records == b""


def test_the_log_hides_open_and_lists_aborted_transactions(store: BatchStore) -> None:
    log = PartitionLog(store)
    append(log, produced(2, (1, 0, 0), transactional=True))
    append(log, produced(1))
    assert (log.last_stable_offset, log.end_offset) == (0, 3)
    assert log.read(0, 1 << 20, committed_only=True, at_least_one=True).records == b""
    log.end_transaction((1, 0), commit=False, timestamp_ms=5)
    assert log.last_stable_offset == log.end_offset == 4
    assert log.read(0, 1 << 20, committed_only=True, at_least_one=True).aborted == [(1, 0, 3)]
    assert log.read(0, 1 << 20, committed_only=False, at_least_one=True).aborted == []
    log.end_transaction((1, 0), commit=True, timestamp_ms=6)
    assert log.end_offset == 4, "a transaction ends once"


def test_a_loaded_log_knows_what_the_old_one_knew(tmp_path: Path) -> None:
    log = PartitionLog(FileStore(tmp_path / "0.log"))
    append(log, produced(2, (1, 0, 0), transactional=True))
    log.end_transaction((1, 0), commit=False, timestamp_ms=5)
    append(log, produced(1, (1, 0, 2), transactional=True))
    log.close()
    again = PartitionLog(FileStore(tmp_path / "0.log"))
    assert (again.last_stable_offset, again.end_offset, again.has_open(1)) == (3, 4, True)
    assert again.read(0, 1 << 20, committed_only=True, at_least_one=True).aborted == [(1, 0, 2)]
    assert append(again, produced(1, (1, 0, 2), transactional=True)) == (0, 3), "a repeat is recognised"


def test_times_are_found_to_the_record(store: BatchStore) -> None:
    log = PartitionLog(store)
    append(log, produced(5))
    assert log.find_time(1002) == (2, 1002)
    assert log.find_newest() == (4, 1004)
    assert log.find_time(2000) is None
    log.delete_before(3)
    assert log.find_time(0) == (3, 1003)


def header(epoch: int, sequence: int, count: int = 1) -> BatchHeader:
    return BatchHeader.read(produced(count, (5, epoch, sequence)))


def test_sequences_let_each_batch_in_once_and_in_order() -> None:
    known = Sequences()
    known.record(header(0, 0, 3), 10)
    assert known.check(header(0, 0, 3)) == (Code.NONE, 10)
    assert known.check(header(0, 3)) == (Code.NONE, None)
    assert known.check(header(0, 4)) == (Code.OUT_OF_ORDER_SEQUENCE_NUMBER, None)
    assert known.check(header(1, 0)) == (Code.NONE, None)
    assert known.check(header(1, 3)) == (Code.OUT_OF_ORDER_SEQUENCE_NUMBER, None)
    known.record(header(1, 0), 20)
    assert known.check(header(0, 3)) == (Code.INVALID_PRODUCER_EPOCH, None)


def test_a_marker_of_a_newer_epoch_fences_and_restarts_the_sequence() -> None:
    known = Sequences()
    known.record(header(0, 0, 3), 10)
    known.end_transaction(5, 1)
    assert known.check(header(0, 3)) == (Code.INVALID_PRODUCER_EPOCH, None)
    assert known.check(header(1, 3)) == (Code.OUT_OF_ORDER_SEQUENCE_NUMBER, None)
    assert known.check(header(1, 0)) == (Code.NONE, None)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def wish(member_id: str = "", session_s: float = 10.0) -> JoinWish:
    claim = MemberClaim("g", member_id)
    return JoinWish(claim, ("client", "host"), session_s, 30.0, "consumer", {"range": b"m"}, takes_two_steps=True)


async def join(groups: Groups, clock: Clock, *members: str) -> list[JoinAnswer]:
    waiting = [asyncio.ensure_future(groups.join(wish(member))) for member in members]
    await asyncio.sleep(0)
    clock.now += 1
    groups.expire()
    return await asyncio.gather(*waiting)


def test_a_group_lives_through_joins_silence_and_the_last_leave() -> None:
    async def story() -> None:
        clock = Clock()
        groups = Groups(GroupOffsets(MemoryJournal()), clock)
        first, second = [(await groups.join(wish())).member_id for _ in range(2)]
        answers = await join(groups, clock, first, second)
        assert [(answer.code, answer.generation) for answer in answers] == [(Code.NONE, 1)] * 2
        leader = answers[0].leader
        follower = second if leader == first else first
        assert len(next(answer for answer in answers if answer.member_id == leader).members) == 2
        waits = asyncio.ensure_future(groups.sync(MemberClaim("g", follower, generation=1), {}))
        await asyncio.sleep(0)
        given_out = await groups.sync(MemberClaim("g", leader, generation=1), {leader: b"L", follower: b"F"})
        assert (given_out.assignment, (await waits).assignment) == (b"L", b"F")
        assert groups.check_commit(MemberClaim("g", follower, generation=1)) == Code.NONE
        assert groups.check_commit(MemberClaim("g", follower, generation=0)) == Code.ILLEGAL_GENERATION
        assert groups.check_transactional_commit(MemberClaim("g", "ghost", generation=1)) == Code.UNKNOWN_MEMBER_ID
        clock.now += 8
        assert groups.heartbeat(MemberClaim("g", leader, generation=1)) == Code.NONE
        clock.now += 8
        groups.expire()
        assert groups.heartbeat(MemberClaim("g", follower, generation=1)) == Code.UNKNOWN_MEMBER_ID
        assert groups.heartbeat(MemberClaim("g", leader, generation=1)) == Code.REBALANCE_IN_PROGRESS
        assert groups.leave(MemberClaim("g", leader)) == Code.NONE
        group = groups.find("g")
        assert group is not None
        assert (group.state, group.generation, group.members) == (GroupState.EMPTY, 2, {})

    asyncio.run(story())


def test_a_rebalance_does_not_wait_for_the_dead_beyond_its_time() -> None:
    async def story() -> None:
        clock = Clock()
        groups = Groups(GroupOffsets(MemoryJournal()), clock)
        lost = (await groups.join(wish())).member_id
        await join(groups, clock, lost)
        new = (await groups.join(wish())).member_id
        waiting = asyncio.ensure_future(groups.join(wish(new)))
        await asyncio.sleep(0)
        groups.expire()
        assert not waiting.done()
        clock.now += 31
        groups.expire()
        answer = await waiting
        assert (answer.code, answer.leader, len(answer.members)) == (Code.NONE, new, 1)

    asyncio.run(story())


def test_faults_are_taken_in_order_and_counted() -> None:
    faults = FaultHooks()
    faults.push_errors(0, [6, 7])
    faults.cut_before(0)
    orders = [faults.take(0) for _ in range(4)]
    assert [(order.cut_before, order.error_code) for order in orders] == [(True, 0), (False, 6), (False, 7), (False, 0)]
    assert (faults.requests(0), faults.hits(0), faults.requests(1)) == (4, 3, 0)


@pytest.mark.parametrize(
    "configs", [{"message.timestamp.type": "LogAppendTime"}, {"preallocate": "perhaps"}, {"segment.ms": None}]
)
def test_settings_it_cannot_honour_are_refused(configs: dict[str, str | None]) -> None:
    assert refusal(configs) is not None


def test_every_api_is_spoken_within_what_the_library_knows() -> None:
    for key, api in APIS.items():
        assert key == api.request.API_KEY
        assert 0 <= api.least <= api.greatest <= api.request.max_version
