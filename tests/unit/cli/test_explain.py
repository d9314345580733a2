"""`shirase explain`: on a terminal, for programs, and as one page that needs nothing else."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.cli_calls import CONFIG, Program

REPORT = {
    "title": "Initially blamed on North Korea",
    "body": "Chinese hackers hit a Norwegian dairy. <script>alert(1)</script> There is no evidence that Russia took part.\x1b[2J",
    "language": "en",
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program({"SHIRASE_KNOWLEDGE__CACHE_DIR": str(tmp_path_factory.mktemp("compiled"))})


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.jsonl"
    path.write_text(json.dumps(REPORT) + "\n", encoding="utf-8")
    return path


def test_names_stand_with_their_roles_and_reasons(program: Program, report: Path) -> None:
    out = program("explain", report).out
    assert "Chinese[CN: attacker] hackers hit a Norwegian[NO: target] dairy" in out
    assert "Russia[RU: denied]" in out
    assert "the strongest rule that speaks for it" in out
    assert "its part is denied" in out
    assert "\x1b" not in out


def test_a_program_gets_the_explanation(program: Program, report: Path) -> None:
    found = program("explain", report, "--json").json()
    assert found["item"].endswith("report.jsonl:1")
    assert [row["name"] for row in found["explanation"]["attackers"]] == ["CN"]
    assert (
        found["explanation"]["attackers"][0]["steps"][-1]["score"]
        == found["explanation"]["attackers"][0]["attacker"]["score"]
    )


class Page(HTMLParser):
    """What a browser would fetch or run, the tags left open, and the text."""

    VOID = frozenset(("meta", "br", "link", "img"))

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.fetched += [
            f"{tag} {name}={value}" for name, value in attrs if name in {"src", "href"} or name.startswith("on")
        ]
        if tag == "script":
            self.fetched.append("script")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_else_runs_nothing_and_is_well_formed(
    program: Program, report: Path, tmp_path: Path
) -> None:
    program("explain", report, "--html", tmp_path / "page.html")
    source = (tmp_path / "page.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(source)
    assert page.fetched == []
    assert page.open == []
    assert "<script>alert(1)</script>" in page.text
    assert "url(" not in source
    assert "@import" not in source
    assert "prefers-color-scheme: dark" in source
    assert "default-src 'none'" in source


def test_the_page_says_the_same_as_the_terminal(program: Program, report: Path, tmp_path: Path) -> None:
    program("explain", report, "--html", tmp_path / "page.html")
    page = Page()
    page.feed((tmp_path / "page.html").read_text(encoding="utf-8"))
    for words in (
        "CN: attacker",
        "NO: target",
        "RU: denied",
        "the strongest rule that speaks for it",
        "its part is denied",
    ):
        assert words in page.text


def test_it_stops_after_so_many_items(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text((json.dumps({"body": "Rain."}) + "\n") * 5, encoding="utf-8")
    assert len(program("explain", path, "--json", "--most", "2").lines()) == 2


def test_other_languages_and_empty_texts_are_shown_too(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "fr.jsonl"
    path.write_text(json.dumps({"body": "Il pleut.", "language": "fr"}) + "\n", encoding="utf-8")
    out = program("explain", path).out
    assert "not looked for in this language" in out


def test_what_cannot_be_read_is_named_and_the_rest_is_shown(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text("{broken\n" + json.dumps({"body": "Rain."}) + "\n", encoding="utf-8")
    done = program("explain", path, "--json", code=1)
    assert len(done.lines()) == 1
    assert done.err.startswith(f"{path}:1: not-json: ")


def test_a_page_that_cannot_be_written_is_one_line_and_a_no(program: Program, report: Path, tmp_path: Path) -> None:
    done = program("explain", report, "--html", tmp_path / "no/such/folder.html", code=1)
    assert len(done.err.splitlines()) == 1


FIVE = {
    "victim": (
        "Hackers working for Vietnam copied the mail of a Chinese ministry for two years.",
        ("Vietnam[VN: attacker]", "Chinese[CN: target]"),
    ),
    "bystander": (
        "At a conference in Singapore, a Chinese security firm described how Kimsuky broke into a shipyard in Rotterdam.",
        ("Singapore[SG: bystander]", "Chinese[CN: bystander]", "Kimsuky[Kimsuky: attacker]", "Rotterdam[NL: target]"),
    ),
    "homonym": (
        "A UPS failed in Chiba and the Hive, a shopping mall, stayed dark for a day. Guests from China waited outside.",
        (
            "Hive[Hive: not a name]",
            "China[CN: no role]",
            "Attackers\n  none",
            "a common word, and no word of the setting",
        ),
    ),
    "denied": (
        "There is no evidence that North Korea robbed the exchange in Nairobi. The operators now blame a Russian gang.",
        ("North Korea[KP: denied]", "Nairobi[KE: target]", "Russian[RU: attacker]"),
    ),
    "hedged": (
        "The intruders in the Finnish parliament are thought to be Chinese. The embassy of Iran rejects every suspicion.",
        ("Finnish[FI: target]", "Chinese[CN: attacker]", "suspected", "every reading is hedged", "Iran[IR: no role]"),
    ),
}


@pytest.mark.parametrize("name", FIVE)
def test_what_the_documentation_explains_is_still_so(program: Program, tmp_path: Path, name: str) -> None:
    text, said = FIVE[name]
    file = tmp_path / "item.txt"
    file.write_text(text + "\n", encoding="utf-8")
    out = program("explain", file).out
    assert [words for words in said if words not in out] == []
    documented = (CONFIG.parent / "docs" / "explain.md").read_text(encoding="utf-8")
    assert [words for words in said if words.split("\n")[0] not in documented] == []
