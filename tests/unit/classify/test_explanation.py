"""Explanations: the same reading as the tags, why somebody is an attacker, and why somebody named is not."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.classify import Reader
from workers.classify.explanation import Explainer
from workers.classify.explanation_types import Explanation, Mark
from workers.model import RawItem


@pytest.fixture(scope="module")
def explainer(reader: Reader) -> Explainer:
    return Explainer(reader, reader._knowledge)


def explained(explainer: Explainer, body: str, **fields: str) -> Explanation:
    return explainer.explain(RawItem(body=body, language=fields.pop("language", "en"), **fields))  # type: ignore[arg-type]


def reasons(explanation: Explanation, name: str) -> str:
    return " / ".join(reason for row in explanation.not_attackers if row.name == name for reason in row.reasons)


def mark(explanation: Explanation, text: str) -> Mark:
    return next(mark for mark in explanation.marks if mark.text == text)


def test_an_attacker_is_explained_by_its_rules_its_sentence_and_the_steps_of_its_score(explainer: Explainer) -> None:
    found = explained(explainer, "It rained. Suspected Chinese hackers broke into a Norwegian dairy.")
    (row,) = found.attackers
    assert row.name == "CN"
    assert row.speak_for[0].rule.startswith("nexus.")
    assert row.speak_for[0].sentence == "Suspected Chinese hackers broke into a Norwegian dairy."
    assert [step.says for step in row.steps] == [
        "the strongest rule that speaks for it",
        "every reading is hedged",
        "as published, by the calibration table",
    ]
    assert row.steps[1].score < row.steps[0].score
    assert row.steps[-1].score == row.attacker.score
    assert mark(found, "Chinese").role == "attacker"


def test_it_is_the_same_reading_as_the_tags(explainer: Explainer, reader: Reader) -> None:
    body = "Sandworm and Chinese hackers hit a Kyiv bank. The Velvet Crowbar gang took credit. T1566 was used."
    found = explained(explainer, body)
    analysis = reader.read(RawItem(body=body, language="en"))
    assert [row.attacker for row in found.attackers] == analysis.attackers
    tags = [(row.kind, row.name) for row in found.others]
    assert ("target", "UA") in tags
    assert any(kind == "technique" for kind, _ in tags)
    assert all(row.speak_for for row in found.attackers)


@pytest.mark.parametrize(
    ("body", "name", "reason"),
    [
        ("A Chinese hospital was hacked in March.", "CN", "it is acted upon"),
        ("The United States said that Russian hackers robbed a Maltese bank.", "US", "it reports or accuses"),
        (
            "A vendor headquartered in Moscow described how thieves hacked a Maltese bank.",
            "RU",
            "it is named in passing",
        ),
        ("There is no evidence that China hacked the Maltese bank.", "CN", "its part is denied"),
    ],
)
def test_a_country_that_is_no_attacker_is_told_why(explainer: Explainer, body: str, name: str, reason: str) -> None:
    assert reason in reasons(explained(explainer, body), name)


def test_a_common_word_is_told_apart_from_the_name(explainer: Explainer) -> None:
    found = explained(
        explainer, "The Equation for the checksum was wrong. A yacht club on the South China Sea was hacked."
    )
    assert "no word of the setting" in " / ".join(reason for row in found.not_attackers for reason in row.reasons)
    assert mark(found, "South China Sea").why == "a phrase that means something else as a whole"
    assert mark(found, "South China Sea").role == "not a name"


def test_words_that_nobody_would_take_for_a_name_are_left_alone(explainer: Explainer) -> None:
    assert explained(explainer, "they survey the first payment and stop").marks == []


def test_a_language_that_is_not_read_says_so(explainer: Explainer) -> None:
    found = explained(explainer, "Des pirates de China ont attaqué Malta.", language="fr")
    assert found.attackers == []
    assert "attackers" not in found.analysed
    assert "roles are not read in this language" in reasons(found, "CN")


def test_marks_are_slices_of_the_field_in_order_and_never_overlap(explainer: Explainer) -> None:
    body = "<p>Chinese hackers&nbsp;hit <b>Norway</b>; <i>Play Store</i> apps did not.</p>"
    found = explained(explainer, body, content_type="text/html", title="China and Norway")
    for field in found.fields:
        marks = [mark for mark in found.marks if mark.field == field.name]
        assert marks
        assert all(field.text[mark.start : mark.end] == mark.text for mark in marks)
        assert all(left.end <= right.start for left, right in pairwise(marks))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "China",
                "Chinese",
                "hackers",
                "hit",
                "by",
                "no evidence",
                "Sandworm",
                "the Play gang",
                "。",
                ".",
                "中国",
                "攻撃",
                "<b>",
                "é",
                "\n",
                "was",
            ]
        ),
        max_size=25,
    )
)
def test_every_text_can_be_explained_and_written_as_json(explainer: Explainer, words: list[str]) -> None:
    for language in ("en", "ja", "fr"):
        found = explainer.explain(RawItem(body=" ".join(words) or "x", language=language))
        assert msgspec.json.decode(msgspec.json.encode(found))["language"] == language
        assert all(row.steps[-1].score == row.attacker.score for row in found.attackers)
