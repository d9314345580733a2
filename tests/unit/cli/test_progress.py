"""How far long work has come, as people and logs see it."""

from __future__ import annotations

import sys

import pytest

from workers.cli.progress import progress_on_stderr, silent_progress


def test_elsewhere_a_line_comes_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_on_stderr(1_000_000) as progress:
        for _ in range(60):
            progress(400, 1_000)
    shown = capsys.readouterr()
    assert shown.err.splitlines() == ["10000 items so far", "20000 items so far"]
    assert shown.out == ""


@pytest.mark.parametrize("octets", [3_000, None])
def test_on_a_terminal_there_is_a_bar(
    octets: int | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_on_stderr(octets) as progress:
        progress(500, 1_000)
        progress(1, 2_000)
    shown = capsys.readouterr()
    assert "501 items" in shown.err
    assert shown.out == ""


def test_silence_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    silent_progress(1, 2)
    assert capsys.readouterr() == ("", "")
