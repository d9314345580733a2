from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.classify import Reader
from workers.classify.scanner import Scanner
from workers.classify.text import fields_of
from workers.knowledge import Knowledge, load_knowledge
from workers.model import RawItem


@cache
def knowledge() -> Knowledge:
    return load_knowledge(Path(__file__).parents[2] / "config", None)


@cache
def reader() -> Reader:
    return Reader(knowledge())


@cache
def scanner() -> Scanner:
    return Scanner(knowledge())


WORDS = st.sampled_from(
    [
        "China", "Chinese", "hackers", "attacked", "by", "North Korea", "-linked", "APT28", "Lazarus", "no evidence that", "Japan", "bank", "hospital", "the", ",", ".", "\n", "group", "calling itself",
        "中国", "の", "ハッカー", "が", "攻撃", "日本", "を標的に", "。", "<b>", "</b>", "&amp;", "evil[.]com", "CVE-2024-1234", "T1566", "U.S.", "Georgia", "’s", "PlugX", "LockBit", "ransomware", "İ", "\x00",
    ]
)  # fmt: skip
PHRASES = st.lists(WORDS, max_size=40).flatmap(lambda words: st.sampled_from([" ".join(words), "".join(words)]))
TEXTS = st.one_of(
    PHRASES,
    st.text(max_size=300),
    st.text(alphabet=st.characters(codec=None, categories=["Cs", "Mn", "Lo", "Lu", "Po", "Cc"]), max_size=120),
)
TYPES = st.sampled_from(["text/plain", "text/html", "text/markdown"])


def evidence(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        if "quote" in value:
            return [value]
        return [found for entry in value.values() for found in evidence(entry)]
    if isinstance(value, list):
        return [found for entry in value for found in evidence(entry)]
    return []


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(title=TEXTS, body=TEXTS, content_type=TYPES)
def test_never_raises_and_quotes_match(title: str, body: str, content_type: Any) -> None:
    item = RawItem(title=title, body=body, content_type=content_type)
    analysis = reader().read(item)
    for found in evidence(msgspec.to_builtins(analysis)):
        text = getattr(item, found["field"])
        assert text[found["start"] : found["end"]] == found["quote"]
        assert found["rule"]


@settings(max_examples=60, deadline=None)
@given(body=TEXTS)
def test_reading_twice_gives_the_same(body: str) -> None:
    assert reader().read(RawItem(body=body)) == reader().read(RawItem(body=body))


@settings(max_examples=100, deadline=None)
@given(body=TEXTS)
def test_scores_and_ranks_are_sound(body: str) -> None:
    attackers = reader().read(RawItem(body=body)).attackers
    assert all(0.5 <= attacker.score <= 1 for attacker in attackers)
    assert [attacker.rank for attacker in attackers].count("primary") == min(len(attackers), 1)


@settings(max_examples=300, deadline=None)
@given(body=TEXTS, content_type=TYPES)
def test_fields_keep_their_length_and_sentences_cover_their_tokens(body: str, content_type: Any) -> None:
    for field in fields_of(RawItem(body=body, content_type=content_type)):
        assert len(field.plain) == len(field.folded) == len(field.original)
        for sentence in scanner().sentences(field):
            assert all(sentence.start <= token.start < token.end <= sentence.end for token in sentence.tokens)
            assert {id(token) for token in sentence.meanings} <= {id(token) for token in sentence.tokens}
