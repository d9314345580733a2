"""The watchdog ends processes that hang, whatever the main thread is blocked in. Each case is a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time

from workers.adapters.process import SystemClock


def run(code: str) -> subprocess.CompletedProcess[str]:
    script = (
        "from workers.adapters.process import AlarmWatchdog, end_with_parent\nimport threading, time, os, sys, signal\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_it_ends_a_process_blocked_in_a_lock_with_every_threads_stack() -> None:
    done = run("""
        def waits_elsewhere(): threading.Event().wait()
        threading.Thread(target=waits_elsewhere, daemon=True).start()
        AlarmWatchdog().arm(0.3)
        def hangs_here():
            lock = threading.Lock(); lock.acquire(); lock.acquire()
        hangs_here()
    """)
    assert done.returncode == -signal.SIGALRM
    assert "hangs_here" in done.stderr
    assert "waits_elsewhere" in done.stderr


def test_disarmed_in_time_it_does_nothing() -> None:
    done = run("w = AlarmWatchdog(); w.arm(0.2); w.disarm(); time.sleep(0.5); print('alive')")
    assert (done.returncode, done.stdout) == (0, "alive\n")


def test_armed_again_it_starts_anew() -> None:
    done = run("""
        w = AlarmWatchdog()
        for _ in range(4): w.arm(0.4); time.sleep(0.2)
        w.disarm(); print('alive')
    """)
    assert (done.returncode, done.stdout) == (0, "alive\n")


def test_the_end_that_was_set_cannot_be_put_off() -> None:
    done = run("""
        w = AlarmWatchdog(); w.end_within(0.4)
        while True: w.arm(10); w.disarm(); time.sleep(0.01)
    """)
    assert done.returncode == -signal.SIGALRM


def test_standing_down_takes_everything_back() -> None:
    done = run("w = AlarmWatchdog(); w.end_within(0.2); w.stand_down(); time.sleep(0.5); print('alive')")
    assert (done.returncode, done.stdout) == (0, "alive\n")


def test_a_signal_handler_runs_while_the_main_thread_waits_for_a_lock() -> None:
    done = run("""
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        AlarmWatchdog().arm(10)
        stop.wait(); print('stopped')
    """)
    assert (done.returncode, done.stdout) == (0, "stopped\n")


def test_a_process_ends_with_its_parent() -> None:
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from workers.adapters.process import end_with_parent\nimport time\nend_with_parent(0)\nprint('up', flush=True)\ntime.sleep(30)",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    child.stdin.close()
    assert child.wait(10) == -signal.SIGTERM
    child.stdout.close()


def test_the_clock_is_the_systems() -> None:
    clock = SystemClock()
    assert abs(clock.wall() - time.time()) < 5
    assert clock.monotonic() <= clock.monotonic()
