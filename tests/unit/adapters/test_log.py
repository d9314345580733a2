"""Logs: one JSON object a line, bounded and escaped, clients quiet."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from workers.adapters.log import configure_logging
from workers.settings import LogSettings


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet = {name: logging.getLogger(name).level for name in ("kafka", "urllib3", "redis", "requests")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_every_line_is_one_json_object_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(level="info", format="json"), slot=3)
    structlog.get_logger("shirase.test").info("happened", offset=12)
    logging.getLogger("other").warning("said %s", "so")
    structlog.get_logger("shirase.test").debug("not this")
    ours, theirs = lines(capsys)
    assert (ours["event"], ours["offset"], ours["slot"], ours["level"]) == ("happened", 12, 3, "info")
    assert (theirs["event"], theirs["logger"]) == ("said so", "other")


def test_a_feed_cannot_write_lines_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(level="info", format="json"))
    structlog.get_logger("t").info("x", reason='a\n{"level": "critical"}\x1b[31m' + "long " * 1_000)
    (line,) = lines(capsys)
    reason = str(line["reason"])
    assert "\n" not in reason
    assert "\x1b" not in reason
    assert len(reason) <= 2_000


def test_an_exception_is_part_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(level="info", format="json"))
    structlog.get_logger("t").critical("unexpected_error", exc_info=ValueError("oh"))
    (line,) = lines(capsys)
    assert "ValueError: oh" in str(line["exception"])


@pytest.mark.parametrize("level", ["debug", "info"])
def test_clients_that_print_secrets_stay_quiet(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(level=level, format="json"))  # type: ignore[arg-type]
    logging.getLogger("kafka.net.connection").debug("SaslAuthenticateRequest(auth_bytes=b's3cret')")
    logging.getLogger("urllib3.connectionpool").debug("GET /?apikey=s3cret")
    logging.getLogger("kafka.net").warning("kept")
    assert [line["event"] for line in lines(capsys)] == ["kept"]


def test_readable_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(level="info", format="console"))
    structlog.get_logger("t").info("happened", offset=12)
    err = capsys.readouterr().err
    assert "happened" in err
    assert "offset=12" in err
    assert not err.startswith("{")
