"""Nothing that came in can be so large or so empty that it stops the stream on its way out."""

from __future__ import annotations

import hashlib

import pytest

from workers.errors import ItemError
from workers.model import OutgoingRecord
from workers.tagger.outputs import OutputLimits, fit_dead_letter

LIMITS = OutputLimits(output="out", dead_letter="dead", max_request_bytes=50_000)


def letter(value: bytes | None, key: bytes | None = b"k", header: bytes = b"v") -> OutgoingRecord:
    return OutgoingRecord(topic="dead", key=key, value=value, headers=(("h", header),))


def test_what_fits_is_left_alone() -> None:
    for one in (letter(b"x" * 40_000), letter(b""), letter(None)):
        assert fit_dead_letter(one, LIMITS) is one


def test_a_record_without_key_and_value_gets_an_empty_value() -> None:
    sent = fit_dead_letter(letter(None, key=None), LIMITS)
    assert (sent.key, sent.value) == (None, b"")


@pytest.mark.parametrize(
    "one",
    [
        letter(b"x" * 60_000),
        letter(b"x" * 60_000, key=b"k" * 60_000),
        letter(b"x", header=b"h" * 60_000),
        letter(b"x", key=b"k" * 49_000),
    ],
)
def test_what_does_not_fit_is_cut_and_says_so(one: OutgoingRecord) -> None:
    sent = fit_dead_letter(one, LIMITS)
    size = len(sent.key or b"") + len(sent.value or b"") + sum(len(n) + len(v) for n, v in sent.headers)
    assert size < LIMITS.max_request_bytes
    headers = dict(sent.headers)
    assert headers["shirase-cut-from-bytes"] == str(len(one.value or b"")).encode()
    assert headers["shirase-cut-sha256"] == hashlib.sha256(one.value or b"").hexdigest().encode()


def test_an_event_larger_than_half_a_request_is_refused() -> None:
    LIMITS.check_event(b"x" * 25_000)
    with pytest.raises(ItemError, match="event-too-large"):
        LIMITS.check_event(b"x" * 25_001)
