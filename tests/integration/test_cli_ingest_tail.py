"""`shirase ingest` and `shirase tail` on a broker: what goes in stands there byte for byte, and can be followed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support.brokers import Broker
from tests.support.cli_calls import CONFIG, Program, program_on
from tests.support.cli_events import attacker, event
from workers.adapters.kafka_browse import open_writer, read_whole_topic
from workers.embedded.broker import EmbeddedBroker
from workers.formats.dead_letter import dead_letter
from workers.model import OutgoingRecord, Partition, Record, TaggedEvent

LINES = (b'{"id": "a", "body": "x"}', b"not json", b'{"body": "no id"}', b'{"id": 7}', b"[1]")


@pytest.fixture
def program(shared_embedded_broker: EmbeddedBroker) -> Program:
    return program_on(Broker("embedded", shared_embedded_broker.bootstrap))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "items.jsonl"
    path.write_bytes(b"\n".join(LINES) + b"\n")
    return path


def raw(program: Program) -> list[Record]:
    return list(read_whole_topic(program.settings.kafka, program.settings.tagger.sources[0]))


def test_lines_go_in_as_they_stand_keyed_by_their_own_id(program: Program, file: Path) -> None:
    done = program("ingest", file)
    assert f"5 items into {program.settings.tagger.sources[0]}" in done.err
    assert done.out == ""
    found = raw(program)
    assert sorted(record.value or b"" for record in found) == sorted(LINES)
    assert {record.value: record.key for record in found} == {
        line: (b"a" if b'"a"' in line else None) for line in LINES
    }


def test_versions_of_one_item_keep_their_order(program: Program, tmp_path: Path) -> None:
    versions = [json.dumps({"id": f"i{n % 3}", "body": str(n)}).encode() for n in range(60)]
    (tmp_path / "v.jsonl").write_bytes(b"\n".join(versions))
    program("ingest", tmp_path / "v.jsonl")
    for key in (b"i0", b"i1", b"i2"):
        bodies = [int(json.loads(record.value or b"")["body"]) for record in raw(program) if record.key == key]
        assert bodies == sorted(bodies)
        assert len(bodies) == 20


def test_a_folder_and_standard_input_go_in_too(program: Program, tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("# Bericht\n", encoding="utf-8")
    program("ingest", tmp_path)
    program("ingest", "-", stdin=b'{"body": "piped"}\n')
    bodies = [json.loads(record.value or b"") for record in raw(program)]
    assert {"body": "# Bericht\n", "content_type": "text/markdown"} in bodies
    assert {"body": "piped"} in bodies


def test_a_topic_of_ones_own_choice(program: Program, file: Path) -> None:
    output = program.settings.tagger.output
    program("ingest", file, "--topic", output)
    assert len(list(read_whole_topic(program.settings.kafka, output))) == 5


def test_a_missing_topic_is_never_made_up(program: Program, file: Path) -> None:
    done = program("ingest", file, "--topic", "nowhere", code=1)
    assert "topic nowhere does not exist" in done.err
    assert "topics apply" in done.err
    assert "nowhere" in program("tail", "nowhere", "--no-follow", code=1).err


def test_a_missing_file_is_wrong_usage(program: Program, tmp_path: Path) -> None:
    assert "does not exist" in program("ingest", tmp_path / "none.jsonl", code=2).words()


EVENTS = (
    event(attacker("CN", 0.9, "APT10"), targets=("JP",), sectors=("technology",), title="first"),
    event(attacker("KP", 0.6), targets=("JP",), sectors=("financial-services",), title="second"),
    event(title="third"),
)
TAGGED = (("ce_type", b"org.shirase.tagged.v1"),)


@pytest.fixture
def tagged(program: Program) -> Program:
    settings = program.settings
    with open_writer(settings.kafka, settings.tagger.output) as writer:
        writer.write(
            [
                OutgoingRecord(topic=settings.tagger.output, key=b"k", value=msgspec.json.encode(one), headers=TAGGED)
                for one in EVENTS
            ]
        )
    return program


def titles(tagged: Program, *arguments: str) -> list[str | None]:
    out = tagged("tail", "--from-beginning", "--no-follow", "--json", *arguments).lines()
    return [msgspec.json.decode(line, type=TaggedEvent).item.title for line in out]


def test_tail_shows_events_as_they_are(tagged: Program) -> None:
    assert titles(tagged) == ["first", "second", "third"]
    lines = tagged("tail", "--from-beginning", "--no-follow").lines()
    assert lines[0] == "CN (APT10) -> JP  technology  0.90  first  «blames CN»"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--country", "cn"), ["first"]),
        (("--country", "CN", "--country", "KP"), ["first", "second"]),
        (("--target", "JP", "--min-score", "0.8"), ["first"]),
        (("--sector", "financial-services"), ["second"]),
        (("--limit", "2"), ["first", "second"]),
        (("--country", "RU"), []),
    ],
)
def test_tail_chooses(tagged: Program, arguments: tuple[str, ...], expected: list[str]) -> None:
    assert titles(tagged, *arguments) == expected


def test_tail_starts_at_the_end_unless_told_otherwise(tagged: Program) -> None:
    assert tagged("tail", "--no-follow").out == ""


def test_tail_shows_records_of_other_topics_as_they_are(program: Program, file: Path) -> None:
    program("ingest", file)
    topic = program.settings.tagger.sources[0]
    rows = program("tail", topic, "--from-beginning", "--no-follow", "--json").jsons()
    assert sorted(row["value"].encode() for row in rows) == sorted(LINES)
    assert {row["topic"] for row in rows} == {topic}
    lines = program("tail", topic, "--from-beginning", "--no-follow").lines()
    assert sorted(line.partition(": ")[2].encode() for line in lines) == sorted(LINES)
    assert program("tail", topic, "--from-beginning", "--no-follow", "--country", "CN").out == ""


def test_tail_says_why_a_record_became_a_dead_letter(program: Program) -> None:
    topic = program.settings.tagger.dead_letter
    record = Record(partition=Partition("raw", 0), offset=4, timestamp_ms=1, key=None, value=b"{")
    with open_writer(program.settings.kafka, topic) as writer:
        writer.write([dead_letter(record, topic, code="not-json", detail="cut \x1b[2J off", worker="1")])
    with open_writer(program.settings.kafka, topic) as writer:
        writer.write([OutgoingRecord(topic=topic, key=b"k", value=b"", headers=(("shirase-retried", b"raw-0-3"),))])
    marked, line = sorted(program("tail", topic, "--from-beginning", "--no-follow").lines())
    assert line.startswith("raw-0-4: not-json: cut ")
    assert "\x1b" not in line
    assert marked == "raw-0-3: retried"


class Following:
    """A `shirase tail` process and the lines that it printed."""

    def __init__(self, program: Program, *arguments: str) -> None:
        call = [sys.executable, "-m", "workers.cli.main", "--config-dir", str(CONFIG), "tail", *arguments]
        self.process = subprocess.Popen(
            call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | program.environment
        )

    def wait_for_line(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@pytest.fixture
def following(tagged: Program) -> Iterator[Following]:
    found = Following(tagged, "--from-beginning", "--json")
    # A reader that never prints would block the test for ever: after this the process is gone and the read ends.
    guard = threading.Timer(60, found.process.kill)
    guard.start()
    yield found
    guard.cancel()
    found.process.kill()
    found.process.communicate()


def test_tail_follows_until_interrupted_and_then_ends_well(tagged: Program, following: Following) -> None:
    assert [json.loads(following.wait_for_line())["item"]["title"] for _ in EVENTS] == ["first", "second", "third"]
    settings = tagged.settings
    late = msgspec.json.encode(event(title="late"))
    with open_writer(settings.kafka, settings.tagger.output) as writer:
        writer.write([OutgoingRecord(topic=settings.tagger.output, key=b"k", value=late, headers=TAGGED)])
    assert json.loads(following.wait_for_line())["item"]["title"] == "late"
    following.process.send_signal(signal.SIGINT)
    out, err = following.process.communicate(timeout=20)
    assert (following.process.returncode, out, err) == (0, b"", b"")
