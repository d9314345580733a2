"""A long item of two attackers, read and written as an analysis: every section says what the text says, and no more."""

from __future__ import annotations

import pytest

from tests.support.cli_calls import Program

ITEM = """# State actors targeting Norway (China & North Korea)
Norway suffers constant cyberattacks from China and, on occasion, North Korea. Norwegian agencies struggle to keep up.

## What they do
- **First actor (espionage, theft of ideas):** China
- **China:** Busy with cyber espionage to steal intellectual property, above all chip, quantum and artificial intelligence
  technology. China is also embedding implants in civilian infrastructure, to deny function in a crisis or to intimidate the
  government.
- **North Korea:** Extorting the Norwegian economy, and the money feeds its nuclear weapons program.

## Implications
The lead of Norwegian laboratories is melting away. What is loot for one is leverage for the other.

## Mitigations
- **Say it:** An honest word on what is going on.
- **Defend:** Norway must write a strategy that deserves the name.
"""


@pytest.fixture(scope="module")
def sections(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("analysis")
    (folder / "item.txt").write_text(ITEM, encoding="utf-8")
    program = Program({"SHIRASE_KNOWLEDGE__CACHE_DIR": str(folder / "compiled")})
    out = program("tag", "--format", "markdown", folder / "item.txt").out
    parts = out.split("\n## ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].removesuffix("\n\n---\n\n") for part in parts}


def test_each_attacker_has_its_own_aims(sections: dict[str, str]) -> None:
    primary, secondary, groups = sections["Attribution & Identity"].strip().splitlines()
    assert "CN, " in primary
    for aim in ("ip-theft", "espionage", "pre-positioning", "intimidation"):
        assert aim in primary
        assert aim not in secondary
    assert "KP, " in secondary
    for aim in ("weapons-funding", "financial-gain"):
        assert aim in secondary
        assert aim not in primary
    assert groups.endswith("Not explicitly named")


def test_the_words_of_an_aim_stand_beside_it(sections: dict[str, str]) -> None:
    aims = sections["Tactics, Techniques & Procedures"]
    assert "* Objective of KP: financial-gain (“extorting" in aims
    assert aims.strip().endswith("**MITRE ATT&CK IDs:** None explicitly mentioned")


def test_targets_are_told_from_those_in_brackets(sections: dict[str, str]) -> None:
    lines = sections["Targeting"].strip().splitlines()
    assert "* **Geography:** NO" in lines
    assert "technology (semiconductors, quantum, artificial-intelligence)" in lines[0]
    assert "infrastructure" in sections["Targeting"]
    assert "financial-services" in sections["Targeting"]


def test_what_is_not_there_is_said_to_be_missing(sections: dict[str, str]) -> None:
    assert sections["Tools & Infrastructure"].count("Not specified") == 3


def test_activity_stands_under_whom_it_blames(sections: dict[str, str]) -> None:
    lines = sections["Activity Summary"].strip().splitlines()
    assert any(line.startswith("* [CN, KP] Norway suffers constant cyberattacks") for line in lines)
    assert any(line.startswith("* [KP] **North Korea:** Extorting") for line in lines)


def test_headings_fill_implications_and_mitigations_without_repeating(sections: dict[str, str]) -> None:
    implications, mitigations = sections["Implications"], sections["Mitigations"]
    assert "What is loot for one is leverage for the other." in implications
    assert "* **Say it:** An honest word on what is going on." in mitigations
    assert "deserves the name" in mitigations
    listed = [
        line for name in ("Activity Summary", "Implications", "Mitigations") for line in sections[name].splitlines()
    ]
    sentences = [line.partition("] ")[2] or line.removeprefix("* ") for line in listed if line.startswith("*")]
    assert len(sentences) == len(set(sentences))
