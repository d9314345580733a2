"""The summary is picked, never written; a sentence stands in one list only, and headings say which."""

from __future__ import annotations

import pytest

from workers.classify import Reader
from workers.model import RawItem, Summary

REPORT = """# Two neighbours
Hackers from China broke into a Danish wind-turbine maker. They wanted its trade secrets.
Pensions are paid in euros.
## Implications
* Danish firms may lose years of lead to hackers from China.
* Prices could fall.
## Recommendations
- Multi-factor sign-in for contractors.
- Hackers from China must find nothing worth taking.
"""


def summary_of(reader: Reader, body: str, **fields: str) -> Summary:
    return reader.read(RawItem(body=body, language="en", **fields)).summary  # type: ignore[arg-type]


def test_headings_say_where_a_sentence_belongs(reader: Reader) -> None:
    summary = summary_of(reader, REPORT)
    assert summary.activity == [
        "Hackers from China broke into a Danish wind-turbine maker.",
        "They wanted its trade secrets.",
    ]
    assert summary.implications == [
        "Danish firms may lose years of lead to hackers from China.",
        "Prices could fall.",
    ]
    assert summary.mitigations == [
        "Multi-factor sign-in for contractors.",
        "Hackers from China must find nothing worth taking.",
    ]


def test_without_headings_the_words_say_it_and_activity_comes_first(reader: Reader) -> None:
    body = (
        "Hackers from China broke into a risk insurer in Oslo. The theft exposes pensioners. Insurers should change "
        "their passwords."
    )
    summary = summary_of(reader, body)
    assert summary.activity == ["Hackers from China broke into a risk insurer in Oslo."]
    assert summary.implications == ["The theft exposes pensioners."]
    assert summary.mitigations == ["Insurers should change their passwords."]


def test_what_no_word_speaks_of_is_left_out(reader: Reader) -> None:
    assert summary_of(reader, "Pensions are paid in euros. It rained in Oslo.") == Summary()


def test_a_word_inside_a_word_is_none(reader: Reader) -> None:
    assert summary_of(reader, "An asterisk stood beside the name of the winner.").implications == []


def test_a_heading_in_html_holds_too_and_tags_stay_out(reader: Reader) -> None:
    body = "<h2>Implications</h2><p>Danish <b>firms</b> lose their lead.</p><h2>Sources</h2><p>A reader wrote in to us.</p>"
    summary = summary_of(reader, body, content_type="text/html")
    assert summary.implications == ["Danish firms lose their lead."]


@pytest.mark.parametrize(
    "body", ["", "#", "## Implications", "Implications\n", "Mitigations\nImplications\n", "* - # >"]
)
def test_odd_texts_give_no_sentence(reader: Reader, body: str) -> None:
    summary = summary_of(reader, f"{body} ")
    assert (summary.implications, summary.mitigations) == ([], [])


def test_every_sentence_is_the_texts_own(reader: Reader) -> None:
    summary = summary_of(reader, REPORT)
    for sentence in (*summary.activity, *summary.implications, *summary.mitigations):
        assert sentence in REPORT
