"""The analysis as Markdown: every section for every event, empty told from not looked for."""

from workers.formats.markdown import render_markdown
from workers.formats.raw_item import ItemDecoder
from workers.formats.tagged_event import EventBuilder
from workers.model import (
    ANALYSED_ALL,
    ActorMatch,
    Analysis,
    Attacker,
    Objective,
    Sector,
    Summary,
    TargetCountry,
    Targets,
)

SECTIONS = (
    "Attribution & Identity",
    "Activity Summary",
    "Tactics, Techniques & Procedures",
    "Targeting",
    "Tools & Infrastructure",
    "Implications",
    "Mitigations",
)


def rendered(analysis: Analysis) -> str:
    builder = EventBuilder(worker="1", rules="r", knowledge="k")
    decoded = ItemDecoder(1000).decode("t", b'{"id": "a", "title": "Title"}')
    return render_markdown(builder.build(decoded, analysis, [], [], builder.provenance("2026-01-01T00:00:00Z")))


def test_every_section_is_there_even_for_an_empty_event() -> None:
    text = rendered(Analysis(analysed=list(ANALYSED_ALL)))
    assert [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")] == list(SECTIONS)
    assert "* **MITRE ATT&CK IDs:** None explicitly mentioned" in text
    assert "* **Malware families used:** Not specified" in text


def test_not_looked_for_is_not_none() -> None:
    text = rendered(Analysis(analysed=["attackers"]))
    assert "* **Actor:** Not explicitly named" in text
    assert "* **MITRE ATT&CK IDs:** Not analysed" in text


def test_what_the_event_carries_is_shown() -> None:
    actor = ActorMatch(name="APT1", alias="Comment Crew", attack_id="G0006", score=0.9)
    attacker = Attacker(
        country="CN",
        rank="primary",
        kind="state",
        score=0.93,
        stance="asserted",
        actors=[actor],
        objectives=[Objective(id="ip-theft", score=0.9)],
    )
    targets = Targets(
        countries=[TargetCountry(code="JP", score=0.9)], sectors=[Sector(id="technology", sub=["quantum"], score=0.8)]
    )
    text = rendered(
        Analysis(
            analysed=list(ANALYSED_ALL),
            attackers=[attacker],
            targets=targets,
            summary=Summary(activity=["They\n came."]),
        )
    )
    assert "* **Primary actor (ip-theft):** CN, state, asserted (score 0.93)" in text
    assert "APT1 (as Comment Crew) [G0006]" in text
    assert "* **Sectors:** technology (quantum)" in text
    assert "* **Geography:** JP" in text
    assert "* They came." in text
