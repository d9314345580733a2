"""The second stage: folds digests into stories, one lane per partition, each batch in one transaction of its lane.

What the batch's consumer group believes to have committed plays no part: a lane knows its own position, skips what it
has folded, and fetches what was skipped. After a lost batch the lane is taken anew: its position then says whether the
batch is in. Faust is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeAlias

import msgspec

from workers.alerter.digest import Digest
from workers.alerter.digesting import StageTopics
from workers.alerter.folding import FoldResult, Suppressed, fold
from workers.alerter.packing import unpacked
from workers.alerter.rules import AlertRules
from workers.alerter.shard import ShardState, restore_shards
from workers.alerter.tally import Tally
from workers.errors import BatchLost, FatalError
from workers.formats.alert import AlertHeaders, encode_alert
from workers.formats.dead_letter import ALERTER, dead_letter
from workers.model import OutgoingRecord, Record
from workers.model.alert import Alert
from workers.ports import Lane, LaneCommit, Telemetry

__all__ = ["FoldStage", "OpenLane"]

OpenLane: TypeAlias = Callable[[int], Lane]
SUPPRESSED_BY = "shirase-suppressed-by"
_LOST_IN_A_ROW = 10


class _Open:
    """A lane in hand: its shards as they are after `position`."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        rows, self.position = lane.restore()
        self.shards: dict[str, ShardState] = dict(restore_shards(rows.items()))

    def missing(self, records: Sequence[Record]) -> Iterator[Record]:
        """The records that are to be folded next: without those already folded, with those that were passed over."""
        position = self.position
        for record in records:
            if record.offset < position:
                continue
            if record.offset > position:
                yield from self.lane.read(position, record.offset)
            yield record
            position = record.offset + 1


class FoldStage:
    """Folds batches. Not for several threads at once."""

    def __init__(
        self,
        rules: AlertRules,
        open_lane: OpenLane,
        *,
        topics: StageTopics,
        headers: AlertHeaders,
        worker: str,
        telemetry: Telemetry,
    ) -> None:
        self._rules = rules
        self._open_lane = open_lane
        self._topics = topics
        self._headers = headers
        self._worker = worker
        self._telemetry = telemetry
        self._open: dict[int, _Open] = {}

    def handle(self, records: Sequence[Record], owned: Collection[int]) -> None:
        """Fold those of `records` whose partition is among `owned`; returns when what comes of them is committed.

        Raises DependencyError, FencedError, FatalError.
        """
        for number in [number for number in self._open if number not in owned]:
            self.let_go(number)
        partitions: dict[int, list[Record]] = {}
        for record in records:
            if record.partition.number in owned:
                partitions.setdefault(record.partition.number, []).append(record)
        for number, own in partitions.items():
            self._handle(number, own)
        if partitions:
            shards = (shard for lane in self._open.values() for shard in lane.shards.values())
            self._telemetry.set("stories_open", sum(shard.open_stories for shard in shards))

    def let_go(self, number: int) -> None:
        """Forget a partition's state: somebody else may own it now."""
        found = self._open.pop(number, None)
        if found is not None:
            found.lane.close()

    def close(self) -> None:
        """Let go of everything."""
        for number in list(self._open):
            self.let_go(number)

    def _handle(self, number: int, records: Sequence[Record]) -> None:
        for _ in range(_LOST_IN_A_ROW):
            try:
                self._fold(self._taken(number), records)
            except BatchLost as lost:
                self._telemetry.add("transactions_total", 1, "aborted")
                self.let_go(number)
                last = lost
            else:
                return
        raise FatalError("publishing-fails", f"{_LOST_IN_A_ROW} tries at a batch were refused, the last: {last}")

    def _taken(self, number: int) -> _Open:
        if number not in self._open:
            lane = self._open_lane(number)
            try:
                self._open[number] = _Open(lane)
            finally:
                if number not in self._open:
                    lane.close()
        return self._open[number]

    def _fold(self, lane: _Open, records: Sequence[Record]) -> None:
        missing = list(lane.missing(records))
        if not missing:
            return
        tally = Tally()
        outputs: list[OutgoingRecord] = []
        rows: dict[str, bytes | None] = {}
        for record in missing:
            digests = self._digests(record, outputs)
            for found in digests:
                result = self._fold_one(lane.shards, found)
                tally.count(result)
                outputs.extend(self._outputs(result))
                rows.update((row.key, row.value) for row in result.rows)
        position = missing[-1].offset + 1
        lane.lane.commit(LaneCommit(outputs=outputs, rows=rows, position=position))
        lane.position = position
        tally.tell(self._telemetry, self._topics.stories, len(missing))

    def _digests(self, record: Record, outputs: list[OutgoingRecord]) -> Sequence[Digest]:
        """The record's digests; one that holds none of ours goes to the dead letters."""
        try:
            return unpacked(record.value)
        except msgspec.DecodeError as error:
            outputs.append(
                dead_letter(
                    record,
                    self._topics.dead_letter,
                    code="not-digests",
                    detail=str(error),
                    worker=self._worker,
                    source=ALERTER,
                )
            )
            return ()

    def _fold_one(self, shards: dict[str, ShardState], found: Digest) -> FoldResult:
        state = shards.get(found.shard)
        if state is None:
            state = shards[found.shard] = ShardState(found.shard)
        return fold(state, found, self._rules)

    def _outputs(self, result: FoldResult) -> Iterator[OutgoingRecord]:
        for alert in result.alerts:
            yield self._record(self._topics.alerts, alert)
        for one in result.suppressed:
            yield self._held_back(one)

    def _held_back(self, one: Suppressed) -> OutgoingRecord:
        record = self._record(self._topics.suppressed, one.alert)
        return msgspec.structs.replace(record, headers=(*record.headers, (SUPPRESSED_BY, one.cause.encode())))

    def _record(self, topic: str, alert: Alert) -> OutgoingRecord:
        return OutgoingRecord(
            topic=topic, key=alert.story.id.encode(), value=encode_alert(alert), headers=self._headers.build(alert)
        )
