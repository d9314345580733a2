"""Tables for people and for pipes, and text that cannot steer a terminal."""

from __future__ import annotations

import sys

import pytest

from workers.cli.output import print_json, print_table, printable

ROWS = [{"id": "a-1", "detail": "tab\there \x1b[31mred\nline"}, {"id": "b-2"}]


def test_away_from_a_terminal_a_table_is_tab_separated(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Title", ("id", "detail"), ROWS)
    assert capsys.readouterr().out == "id\tdetail\na-1\ttab here  [31mred line\nb-2\t\n"


def test_on_a_terminal_it_is_drawn(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table("Title", ("id", "detail"), [*ROWS, {"id": "[bold]x[/bold]"}])
    out = capsys.readouterr().out
    assert "Title" in out.splitlines()[0]
    assert "│ a-1" in out
    assert "[bold]x[/bold]" in out
    assert "\x1b[31m" not in out


def test_what_could_steer_a_terminal_is_taken_out() -> None:
    assert printable("a\x1b]0;t\x07b\u202ec\u200bd\r\n日本") == "a ]0;t b c d  日本"


def test_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": "日本\n"})
    assert capsys.readouterr().out == '{"a":"日本\\n"}\n'
