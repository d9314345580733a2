"""`shirase run` told to end before it is ready: exit code 0, at whatever moment of its start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.cli_calls import CONFIG
from workers.cli.main import _command

STATUS = Path("/proc/self/status")
SUPERVISORS = (("run", "tagger"), ("run", "alerter"), ("run", "tagger", "--workers", "3"))
WORKERS = (("run", "tagger", "--worker-slot", "0"), ("run", "alerter", "--worker-slot", "0"))

needs_proc = pytest.mark.skipif(not STATUS.exists(), reason="which signals a process catches is read from /proc")


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {
        "SHIRASE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "SHIRASE_KAFKA__INSTANCE": "early",
        "SHIRASE_METRICS__PORT": "0",
        "SHIRASE_ALERTER__METRICS_PORT": "0",
    }
    command = [sys.executable, "-m", "workers.cli.main", "--config-dir", str(CONFIG), *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def catches(process: subprocess.Popen[bytes], number: signal.Signals) -> bool:
    lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
    mask = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:"))
    return bool(mask & 1 << (number - 1))


def wait_until_it_listens(process: subprocess.Popen[bytes]) -> float:
    began = time.monotonic()
    while not catches(process, signal.SIGTERM):
        assert process.poll() is None
        assert time.monotonic() - began < 20
        time.sleep(0.001)
    return time.monotonic() - began


@needs_proc
@pytest.mark.parametrize("arguments", SUPERVISORS + WORKERS, ids=" ".join)
@pytest.mark.parametrize("later_s", [0.0, 0.3, 1.0])
def test_it_ends_well_at_any_moment_of_its_start(arguments: tuple[str, ...], later_s: float) -> None:
    with started(*arguments) as process:
        wait_until_it_listens(process)
        time.sleep(later_s)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=25)
        assert process.returncode == 0, (out, err)
        assert b"Traceback" not in err


@needs_proc
def test_an_interrupt_is_the_same() -> None:
    with started("run", "tagger", "--worker-slot", "0") as process:
        wait_until_it_listens(process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=25)
        assert process.returncode == 0


@needs_proc
def test_it_listens_before_it_imports_anything_of_weight() -> None:
    probe = (
        "import sys; sys.argv = ['shirase', 'run']; import workers.cli.main as m; "
        "m._end_well_when_told(); print([n for n in ('typer', 'msgspec', 'kafka', 'structlog') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("run tagger", "run"),
        ("--config run tag run", "tag"),
        ("--config-dir run --config x run alerter", "run"),
        ("--config=run tag", "tag"),
        ("--version", None),
        ("--config", None),
        ("", None),
    ],
)
def test_only_run_is_meant(line: str, command: str | None) -> None:
    assert _command(line.split()) == command
