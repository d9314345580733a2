"""`shirase tag`: in order, on standard output, with every unreadable item named. The reading itself has its own tests."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.support.cli_calls import CONFIG, Program

SWITCHED_OFF = {"SHIRASE_STAGES__READ": "false", "SHIRASE_STAGES__LOOK_UP": "false"}


@pytest.fixture
def program() -> Program:
    return Program(SWITCHED_OFF)


def lines_of(count: int) -> bytes:
    return b"".join(b'{"id": "i%d", "body": "text"}\n' % n for n in range(count))


def test_events_come_in_the_order_of_the_items_over_several_batches(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(lines_of(450))
    done = program("tag", file)
    assert [event["item"]["id"] for event in done.jsons()] == [f"i{n}" for n in range(450)]
    assert done.err == ""


def test_events_are_what_the_contract_says(program: Program) -> None:
    schema = json.loads((CONFIG / "schema/tagged-event.json").read_text(encoding="utf-8"))
    (event,) = program("tag", "-", stdin=lines_of(1)).jsons()
    jsonschema.validate(event, schema)


def test_what_cannot_be_read_is_named_with_its_line_and_the_rest_goes_on(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(
        lines_of(1) + b"\n{broken \x1b[2J\n" + b'{"id": "i9", "body": "x", "tlp": "PURPLE"}\n' + lines_of(1)
    )
    done = program("tag", file, code=1)
    assert [event["item"]["id"] for event in done.jsons()] == ["i0", "i0"]
    first, second, summary = done.err.splitlines()
    assert first.startswith(f"{file}:3: not-json: ")
    assert second.startswith(f"{file}:4: unknown-tlp: ")
    assert summary == "shirase: 2 tagged, 2 unreadable, 0 filtered"
    assert "\x1b" not in done.err


def test_texts_and_folders_are_items_too(program: Program, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one", encoding="utf-8")
    (tmp_path / "b.html").write_text("<p>two</p>", encoding="utf-8")
    assert len(program("tag", tmp_path).jsons()) == 2


def test_filtered_items_are_counted_and_no_failure(tmp_path: Path) -> None:
    program = Program(SWITCHED_OFF | {"SHIRASE_FILTER__EXCLUDE_SOURCES": '["S"]'})
    done = program("tag", "-", stdin=b'{"body": "x", "source": {"name": "S"}}\n')
    assert (done.out, done.err) == ("", "shirase: 0 tagged, 0 unreadable, 1 filtered\n")


def test_a_broken_archive_is_one_line_and_a_no(program: Program, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(b"no archive")
    done = program("tag", tmp_path / "a.jsonl.gz", code=1)
    assert done.err.startswith("shirase: ")
    assert len(done.err.splitlines()) == 1


def test_a_missing_file_is_wrong_usage(program: Program, tmp_path: Path) -> None:
    assert "does not exist" in program("tag", tmp_path / "none", code=2).words()


def test_it_needs_no_server_whatever_the_configuration_names() -> None:
    """A cache server and a third party that are not there would be asked by the worker; here nobody is."""
    program = Program(SWITCHED_OFF | {"SHIRASE_REDIS__URL": "redis://127.0.0.1:1/0"})
    assert len(program("tag", "-", stdin=lines_of(1)).jsons()) == 1


def test_an_analysis_for_a_person_has_every_section(program: Program) -> None:
    done = program("tag", "--format", "markdown", "-", stdin=b'{"id": "i", "title": "A title"}\n')
    assert done.out.startswith("# A title\n")
    assert [line for line in done.out.splitlines() if line.startswith("## ")][-1] == "## Mitigations"
    assert "Not analysed" in done.out


def test_documents_for_elasticsearch_are_a_line_each(program: Program) -> None:
    documents = program("tag", "--format", "ecs", "-", stdin=lines_of(2)).jsons()
    assert [document["shirase"]["item"]["id"] for document in documents] == ["i0", "i1"]
    assert {document["ecs"]["version"] for document in documents} == {"8.17.0"}


def test_bundles_are_a_line_each(program: Program) -> None:
    bundles = program("tag", "--format", "stix", "-", stdin=lines_of(2)).jsons()
    assert [bundle["type"] for bundle in bundles] == ["bundle", "bundle"]
    assert [row["type"] for row in bundles[0]["objects"]] == ["identity", "report"]
