"""`shirase dlq` on a broker: what is shown, what a retry puts back, and that it does so once."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.support.brokers import Broker
from tests.support.cli_calls import Program, program_on
from workers.adapters.kafka_browse import open_writer, read_whole_topic
from workers.adapters.kafka_retry import RetrySession
from workers.cli.dead_letters import letters_of
from workers.errors import FencedError
from workers.formats.dead_letter import dead_letter
from workers.model import OutgoingRecord, Partition, Record

CODES = ("not-json", "no-text", "not-json")
VALUES = (b"{broken", b'{"id": "x"}', b"\xff\xfe")


@pytest.fixture
def program(any_broker: Broker) -> Program:
    """The program, with three dead letters waiting."""
    found = program_on(any_broker)
    settings = found.settings
    (raw,), topic = settings.tagger.sources, settings.tagger.dead_letter
    with open_writer(settings.kafka, topic) as writer:
        for offset, (code, value) in enumerate(zip(CODES, VALUES, strict=True)):
            record = Record(
                partition=Partition(raw, 0),
                offset=offset,
                timestamp_ms=1,
                key=b"k%d" % offset,
                value=value,
                headers=(("traceparent", b"00-1"),),
            )
            writer.write([dead_letter(record, topic, code=code, detail="why", worker="1")])
    return found


def raw_topic(program: Program) -> str:
    return program.settings.tagger.sources[0]


def ids(program: Program) -> list[str]:
    return [f"{raw_topic(program)}-0-{offset}" for offset in range(3)]


def put_back(program: Program) -> list[Record]:
    return sorted(read_whole_topic(program.settings.kafka, raw_topic(program)), key=lambda record: record.key or b"")


def waiting(program: Program) -> list[str]:
    return sorted(row["id"] for row in program("dlq", "list", "--json").jsons())


def test_list_shows_what_waits(program: Program) -> None:
    lines = program("dlq", "list").lines()
    assert lines[0].split("\t") == ["id", "code", "attempts", "retried", "detail"]
    assert sorted(line.split("\t")[0] for line in lines[1:]) == ids(program)
    by_code = program("dlq", "list", "--code", "no-text", "--json").jsons()
    assert [(row["id"], row["value"], row["attempts"]) for row in by_code] == [(ids(program)[1], '{"id": "x"}', 1)]


def test_show_gives_the_bytes_as_they_came(program: Program) -> None:
    shown = program("dlq", "show", ids(program)[0])
    assert "code: not-json" in shown.lines()
    assert "value: {broken" in shown.lines()
    assert program("dlq", "show", ids(program)[0], "--raw").out == "{broken"
    assert program("dlq", "show", ids(program)[2], "--json").json()["value_base64"] == "//4="


def test_an_unknown_id_is_a_no(program: Program) -> None:
    for arguments in (("show", "raw-9-9"), ("retry", "raw-9-9")):
        done = program("dlq", *arguments, code=1)
        assert "no such dead letter: raw-9-9" in done.err
        assert "Traceback" not in done.err


def test_retry_by_id_puts_one_back_as_it_came(program: Program) -> None:
    done = program("dlq", "retry", ids(program)[0], "--json")
    assert done.json() == {"retried": [ids(program)[0]]}
    (record,) = put_back(program)
    assert (record.key, record.value) == (b"k0", b"{broken")
    assert record.headers == (("traceparent", b"00-1"), ("shirase-attempts", b"1"))
    assert waiting(program) == ids(program)[1:]


def test_retry_by_code_leaves_the_others(program: Program) -> None:
    assert "2 retried" in program("dlq", "retry", "--code", "not-json").out
    assert [record.value for record in put_back(program)] == [VALUES[0], VALUES[2]]
    assert waiting(program) == [ids(program)[1]]


def test_nothing_is_retried_twice(program: Program) -> None:
    program("dlq", "retry", "--all")
    assert len(put_back(program)) == 3
    assert "0 retried" in program("dlq", "retry", "--all").out
    assert "already retried" in program("dlq", "retry", ids(program)[0], code=1).err
    assert len(put_back(program)) == 3
    with_retried = program("dlq", "list", "--with-retried", "--json").jsons()
    assert [row["retried"] for row in with_retried] == [True, True, True]


@pytest.mark.parametrize("arguments", [(), ("--all", "--code", "x"), ("some-0-1", "--all")])
def test_retry_wants_to_be_told_which(program: Program, arguments: tuple[str, ...]) -> None:
    assert "say which" in program("dlq", "retry", *arguments, code=2).err
    assert put_back(program) == []


def editor(folder: Path, script: str) -> str:
    file = folder / "editor.py"
    file.write_text(f"import pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{script}\n", encoding="utf-8")
    return f"{sys.executable} {file}"


def edited(program: Program, tmp_path: Path, script: str) -> Program:
    return Program(program.environment | {"EDITOR": editor(tmp_path, script), "VISUAL": ""})


def test_edit_puts_the_mended_record_back(program: Program, tmp_path: Path) -> None:
    mend = """path.write_text(path.read_text().replace("{broken", '{"body": "mended"}') + "\\n")"""
    edited(program, tmp_path, mend)("dlq", "retry", ids(program)[0], "--edit")
    (record,) = put_back(program)
    assert json.loads(record.value or b"") == {"body": "mended"}
    assert record.key == b"k0"


def test_an_emptied_file_leaves_the_letter_where_it_is(program: Program, tmp_path: Path) -> None:
    done = edited(program, tmp_path, "path.write_bytes(b'')")("dlq", "retry", ids(program)[0], "--edit")
    assert "0 retried" in done.out
    assert waiting(program) == ids(program)


def test_an_editor_that_fails_stops_everything(program: Program, tmp_path: Path) -> None:
    done = edited(program, tmp_path, "sys.exit(3)")("dlq", "retry", "--all", "--edit", code=1)
    assert "nothing was retried" in done.err
    assert put_back(program) == []


def test_without_an_editor_edit_is_wrong_usage(program: Program) -> None:
    bare = Program(program.environment | {"EDITOR": "", "VISUAL": ""})
    assert "set EDITOR" in bare("dlq", "retry", "--all", "--edit", code=2).err


def test_whoever_comes_second_takes_the_right_to_retry(program: Program) -> None:
    """Two operators at once: the first one's retry is refused whole, so that the second sees every marker there is."""
    settings = program.settings
    record = OutgoingRecord(topic=raw_topic(program), key=b"k", value=b"first")
    with RetrySession(settings.kafka) as first:
        with RetrySession(settings.kafka) as second:
            second.publish([OutgoingRecord(topic=raw_topic(program), key=b"k", value=b"second")])
        with pytest.raises(FencedError, match="another retry took over"):
            first.publish([record])
    assert [found.value for found in put_back(program)] == [b"second"]


def test_a_letter_that_was_kept_cut_is_not_put_back(program: Program) -> None:
    settings = program.settings
    (one, *_) = letters_of(read_whole_topic(settings.kafka, settings.tagger.dead_letter))
    cut = OutgoingRecord(
        topic=settings.tagger.dead_letter,
        key=b"k",
        value=b"half",
        headers=(
            *(("shirase-origin-offset", b"77") if h[0] == "shirase-origin-offset" else h for h in one.record.headers),
            ("shirase-cut-from-bytes", b"1000"),
        ),
    )
    with open_writer(settings.kafka, settings.tagger.dead_letter) as writer:
        writer.write([cut])
    assert "kept cut" in program("dlq", "retry", f"{raw_topic(program)}-0-77", code=1).err
    assert put_back(program) == []
    assert "kept cut" in program("dlq", "retry", "--all").err
    assert sorted(record.value or b"" for record in put_back(program)) == sorted(VALUES)
