from __future__ import annotations

import pytest

from workers.knowledge.spelling import fold, spellings, squash


@pytest.mark.parametrize("text", ["APT28", "İstanbul", "ẞß", "ﬁn", "北朝鮮", "It’s", "\ud800x", "a\u0301" * 5])
def test_fold_keeps_the_length(text: str) -> None:
    assert len(fold(text)) == len(text)


def test_squash_joins_spellings_and_keeps_other_scripts() -> None:
    assert squash("APT-28") == squash("apt 28") == "apt28"
    assert squash("ボルト・タイフーン") == "ボルトタイフーン"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("APT28", "apt 28"),
        ("APT 28", "apt-28"),
        ("OceanLotus", "ocean lotus"),
        ("Charming Kitten", "charmingkitten"),
        ("Lazarus Group", "lazarus"),
    ],
)
def test_spellings(name: str, form: str) -> None:
    assert form in set(spellings(name))
