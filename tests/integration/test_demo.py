"""`shirase demo` as a user runs it: everything accounted for, beside another copy, and nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.cli_calls import CONFIG, Program
from workers.cli.event_lines import event_row
from workers.model import TaggedEvent

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 90


class Demo:
    """A running `shirase demo` with a temporary folder of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workers.cli.main", "demo", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(folder)},
        )

    def finish(self, code: int = 0) -> str:
        out, err = self.process.communicate(timeout=WITHIN_S)
        assert self.process.returncode == code, (out, err)
        assert err == ""
        return out

    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.finish())
        return found

    def left_behind(self) -> list[str]:
        """Files of its temporary folder, and processes that have to do with it."""
        return [*map(str, self.folder.iterdir()), *processes_of(self.folder).values()]


def processes_of(folder: Path) -> dict[int, str]:
    """The processes that work in `folder` or name it in their command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                works_in = str((entry / "cwd").readlink())
            except OSError:
                continue
            if str(folder) in command or works_in.startswith(str(folder)):
                found[int(entry.name)] = command
    return found


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path / "kept", "--keep")
    yield demo
    demo.process.kill()
    demo.process.communicate()
    for left in processes_of(demo.folder):  # where the demo was killed outright
        with contextlib.suppress(ProcessLookupError):
            os.kill(left, signal.SIGKILL)


def test_everything_is_accounted_for_twice_in_a_row(tmp_path: Path) -> None:
    for turn in ("first", "second"):
        demo = Demo(tmp_path / turn, "--json")
        facts = demo.facts()
        assert facts["adds_up"]
        assert (facts["fed"], facts["dead_lettered"], facts["filtered"]) == (60, 5, 1)
        assert facts["tagged"] == len(facts["events"]) == 54
        assert demo.left_behind() == []


def test_two_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    both = [Demo(tmp_path / name, "--json") for name in ("one", "two")]
    facts = [demo.facts() for demo in both]
    assert [found["tagged"] for found in facts] == [54, 54]
    assert facts[0]["metrics_url"] != facts[1]["metrics_url"]
    assert [demo.left_behind() for demo in both] == [[], []]


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    """What one demo, run in this process, found."""
    found: dict[str, Any] = Program()("demo", "--json").json()
    return found


def test_files_are_read_as_the_stream_is(facts: dict[str, Any]) -> None:
    program = Program({"SHIRASE_FILTER__EXCLUDE_SOURCES": '["Sponsored Posts"]'})
    files = ("news.jsonl", "reports.jsonl", "stories.jsonl")
    lines = program("tag", *(CONFIG / "demo" / name for name in files)).lines()
    events = [msgspec.json.decode(line, type=TaggedEvent) for line in lines]
    assert [event_row(event) for event in sorted(events, key=lambda event: event.item.id)] == facts["events"]


def test_the_reading_and_the_lookups_are_real(facts: dict[str, Any]) -> None:
    events = {event["title"]: event for event in facts["events"]}
    seed = events["Japan under pressure from two sides"]
    assert {"CN", "KP"} <= set(re.findall(r"\b[A-Z]{2}\b", seed["attacker"]))
    assert "JP" in seed["target"]
    assert seed["evidence"] != "-"
    assert "Lazarus" in events["Lazarus Group blamed for theft at Osaka crypto exchange"]["attacker"]
    statuses = {name.rpartition(" ")[2] for name in facts["metrics"] if "lookup_answers_total cve" in name}
    assert statuses == {"found", "not_found", "stale", "unavailable", "withheld"}
    assert {letter["code"] for letter in facts["dead_letters"]} == {
        "not-json",
        "no-text",
        "unknown-tlp",
        "not-an-object",
        "wrong-type",
    }


def test_stories_alert_once_and_once_more_when_they_are_corroborated(facts: dict[str, Any]) -> None:
    alerts = facts["alerts"]
    grid = [alert["reason"] for alert in alerts if "MirrorFace" in alert["attackers"]]
    assert sorted(grid) == ["corroborated", "new-story"]  # five outlets, two of them independent
    hospital = [alert for alert in alerts if alert["watch"] == "kp" and "Andariel" in alert["attackers"]]
    assert sorted(alert["reason"] for alert in hospital) == ["corroborated", "new-story"]
    assert len({alert["title"] for alert in hospital}) == 1  # Japanese and English are one story
    (surge,) = [alert for alert in alerts if alert["reason"] == "surge"]
    assert (surge["watch"], surge["reports"]) == ("attacker:KP", "6 in 3 h, usual 0.5")


def test_away_from_a_terminal_it_prints_plain_lines(tmp_path: Path) -> None:
    out = Demo(tmp_path / "demo").finish()
    assert "60 consumed = 54 tagged + 5 dead-lettered + 1 filtered: nothing lost." in out
    assert "\x1b" not in out
    assert not set(out) & set("│┃━")
    assert re.search(r"from http://127\.0\.0\.1:\d+/metrics", out)


def test_kept_it_answers_until_told_to_end(running: Demo) -> None:
    assert running.process.stdout is not None
    lines: list[str] = []
    while not lines or "Running until Ctrl-C" not in lines[-1]:
        lines.append(running.process.stdout.readline())
        assert lines[-1], running.process.stderr
    rest = [running.process.stdout.readline() for _ in range(10)]
    where = dict(line.rstrip("\n").split("\t") for line in rest)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(where["metrics"].replace("/metrics", "/readyz"), timeout=10) as answer:
        assert answer.status == 200
    call = where["dead letters"].split()[1:]
    done = subprocess.run(
        [sys.executable, "-m", "workers.cli.main", *call], capture_output=True, text=True, timeout=60, check=True
    )
    assert len(done.stdout.splitlines()) == 1 + 5
    started = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    running.finish()
    assert time.monotonic() - started < 25
    assert running.left_behind() == []


def test_interrupted_half_way_it_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    assert demo.process.stdout is not None
    while "topics created" not in demo.process.stdout.readline():
        assert demo.process.poll() is None
    demo.process.send_signal(signal.SIGINT)
    demo.process.communicate(timeout=WITHIN_S)
    assert demo.process.returncode == 130
    assert demo.left_behind() == []


def test_killed_outright_it_leaves_no_worker_behind(running: Demo) -> None:
    """Nothing can remove its files then, but a worker that goes on by itself would never end."""
    assert running.process.stdout is not None
    while "Running until Ctrl-C" not in running.process.stdout.readline():
        assert running.process.poll() is None
    assert len(workers_of(running)) == 2
    running.process.kill()
    deadline = time.monotonic() + 40
    while workers_of(running):
        assert time.monotonic() < deadline, "a worker goes on without the demo"
        time.sleep(0.2)


def workers_of(demo: Demo) -> list[str]:
    return [command for command in processes_of(demo.folder).values() if re.search("run (tagger|alerter)", command)]
