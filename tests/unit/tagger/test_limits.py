"""The dead-letter limit against a slow and plain model of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors import FatalError
from workers.model import DeadLettered, Filtered, Outcome
from workers.settings import DeadLetterSettings
from workers.tagger.limits import DeadLetterLimit, DeadLetterRun

DEAD, FINE = DeadLettered(code="not-json", detail="why"), Filtered(code="source")


def outcomes(flags: list[bool]) -> list[Outcome]:
    return [DEAD if flag else FINE for flag in flags]


def model_stops(batches: list[list[bool]], settings: DeadLetterSettings) -> int | None:
    """The number of the batch that stops the worker, by the definition."""
    seen: list[bool] = []
    in_a_row = 0
    for number, batch in enumerate(batches):
        for flag in batch:
            in_a_row = in_a_row + 1 if flag else 0
            if in_a_row >= settings.max_in_a_row:
                return number
        seen += batch
        window = seen[-settings.share_window :]
        if len(window) == settings.share_window and sum(window) / len(window) > settings.max_share:
            return number
    return None


@given(
    st.lists(st.lists(st.booleans(), max_size=9), max_size=9),
    st.integers(1, 8),
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    st.integers(1, 12),
)
def test_it_stops_exactly_where_its_definition_says(
    batches: list[list[bool]], in_a_row: int, share: float, window: int
) -> None:
    settings = DeadLetterSettings(max_in_a_row=in_a_row, max_share=share, share_window=window)
    limit, run = DeadLetterLimit(settings), DeadLetterRun()
    stopped = None
    for number, batch in enumerate(batches):
        try:
            run = limit.after(run, outcomes(batch))
        except FatalError:
            stopped = number
            break
        assert 0 < limit.remaining(run) <= in_a_row
    assert stopped == model_stops(batches, settings)


def test_the_message_names_the_last_reason() -> None:
    limit = DeadLetterLimit(DeadLetterSettings(max_in_a_row=2, max_share=1.0, share_window=10))
    with pytest.raises(FatalError, match=r"2 dead letters in a row \(limit 2\); the last one: not-json: why"):
        limit.after(DeadLetterRun(), [DEAD, DEAD])
