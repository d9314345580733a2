"""The first stage: tagged events in, digests of those that are watched out. What is no tagged event is dead-lettered.

At least once: a repeat gives the same digests again, and the fold knows them. Faust is not known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from workers.alerter.digest import Digest, digest
from workers.alerter.packing import packed
from workers.alerter.rules import AlertRules
from workers.errors import ItemError
from workers.formats.dead_letter import ALERTER, dead_letter
from workers.model import OutgoingRecord, Record, TaggedEvent
from workers.ports import Outlet, Telemetry

__all__ = ["DigestStage", "StageTopics", "read_event"]

_decode = msgspec.json.Decoder(TaggedEvent).decode
_LONGEST_DETAIL = 300


class StageTopics(Struct, frozen=True, kw_only=True):
    """Where the stages write."""

    stories: str
    alerts: str
    suppressed: str
    dead_letter: str


def read_event(value: bytes | None) -> TaggedEvent:
    """The tagged event in a record's value. Raises ItemError."""
    if value is None:
        raise ItemError("no-value", "the record has no value")
    try:
        return _decode(value)
    except msgspec.ValidationError as error:
        raise ItemError("not-a-tagged-event", str(error)[:_LONGEST_DETAIL]) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ItemError("not-json", str(error)[:_LONGEST_DETAIL]) from error


class DigestStage:
    """Digests batches of tagged events. Not for several threads at once."""

    def __init__(
        self, rules: AlertRules, outlet: Outlet, *, topics: StageTopics, worker: str, telemetry: Telemetry
    ) -> None:
        self._rules = rules
        self._outlet = outlet
        self._topics = topics
        self._worker = worker
        self._telemetry = telemetry

    def handle(self, records: Sequence[Record]) -> None:
        """Returns when everything that comes of `records` was acknowledged: only then may they be.

        Raises DependencyError, FatalError.
        """
        digests: list[Digest] = []
        letters: list[OutgoingRecord] = []
        ignored = 0
        for record in records:
            try:
                found = digest(read_event(record.value), self._rules)
            except ItemError as error:
                letters.append(self._letter(record, error))
                continue
            ignored += not found
            digests.extend(found)
        outputs = [*packed(digests, self._topics.stories), *letters]
        if outputs:
            self._outlet.publish(outputs)
        self._count(records, ignored, len(letters))

    def close(self) -> None:
        """Close what it publishes with."""
        self._outlet.close()

    def _letter(self, record: Record, error: ItemError) -> OutgoingRecord:
        letter = dead_letter(
            record, self._topics.dead_letter, code=error.code, detail=error.detail, worker=self._worker, source=ALERTER
        )
        # A producer refuses a record that has neither key nor value.
        return msgspec.structs.replace(letter, value=b"") if letter.key is None and letter.value is None else letter

    def _count(self, records: Sequence[Record], ignored: int, letters: int) -> None:
        for topic, amount in Counter(record.partition.topic for record in records).items():
            self._telemetry.add("records_consumed_total", amount, topic)
        self._telemetry.add("story_items_total", ignored, "ignored")
        self._telemetry.add("story_items_total", letters, "dead-lettered")
