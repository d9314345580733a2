"""`python -m deploy.proof`: runs the stream under load with a real Prometheus and our rules, asks every query of every panel
and every rule, draws the dashboards from the answers, and ends with 1 where any is empty or wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from deploy.proof import ROOT
from deploy.proof.asking import Answer, Finding, Moment, ask_panels, ask_rules
from deploy.proof.drawing import photograph, write_pages
from deploy.proof.queries import boards, rules
from deploy.proof.server import find_prometheus, running_prometheus
from deploy.proof.stage import running_stream, under_load

_USAGE = 2
_SCRAPED_S = 3.0
"""Before the first record, so that what it counts is an increase."""


def main(arguments: Sequence[str]) -> int:
    """Run it; 0 where everything has data, 1 where anything has none, 2 where Prometheus is not installed."""
    wanted = _parsed(arguments)
    program = find_prometheus()
    if program is None:
        sys.stderr.write("prometheus is not installed (Debian package prometheus)\n")
        return _USAGE
    asked = boards(wanted.seconds)
    with ExitStack() as closing:
        folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="shirase-proof-"))
        stream = closing.enter_context(running_stream())
        prometheus = closing.enter_context(running_prometheus(program, Path(folder), stream.targets))
        time.sleep(_SCRAPED_S)
        started = time.time()
        closing.enter_context(under_load(stream))
        _say(f"stream, alerter and Prometheus run; {wanted.seconds} s of load")
        time.sleep(wanted.seconds)
        moment = Moment(started, time.time())
        answers = ask_panels(prometheus, asked, moment)
        findings = ask_rules(prometheus, rules(), moment)
    pages = write_pages(wanted.out, asked, answers, moment)
    _report(answers, findings)
    for path in [*pages, *(photograph(pages) if wanted.pictures else [])]:
        _say(f"drawn: {path}")
    return 0 if is_proven(answers, findings) else 1


def is_proven(answers: Sequence[Answer], findings: Sequence[Finding]) -> bool:
    """Whether every query has data, and every rule its series and no error; and there are any at all."""
    bad = [answer for answer in answers if answer.trouble] + [one for one in findings if one.trouble or one.missing]
    return bool(answers) and bool(findings) and not bad


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.proof", description=__doc__)
    parser.add_argument("--seconds", type=int, default=40, help="how long the load lasts (default: 40)")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache/proof", help="where the dashboards are drawn")
    parser.add_argument("--no-pictures", dest="pictures", action="store_false", help="pages only, no browser")
    return parser.parse_args(arguments)


def _report(answers: Sequence[Answer], findings: Sequence[Finding]) -> None:
    for answer in answers:
        count = len(answer.series)
        points = sum(len(one.points) for one in answer.series)
        state = answer.trouble or (f"{count} series, {points} points" + (", a true zero" if answer.is_zero else ""))
        _say(f"{'EMPTY' if answer.trouble else 'ok   '} {answer.board.title} / {answer.panel.title}: {state}")
        if answer.trouble:
            _say(f"      {answer.expression}")
    for one in findings:
        state = one.trouble or (f"nobody has {', '.join(one.missing)}" if one.missing else one.state or "recorded")
        _say(f"{'BAD  ' if one.trouble or one.missing else 'ok   '} rule {one.rule.name}: {state}")
    empty = sum(1 for answer in answers if answer.trouble)
    bad = sum(1 for one in findings if one.trouble or one.missing)
    zeros = sum(1 for answer in answers if answer.is_zero)
    _say(
        f"{len(answers)} queries, {empty} without data, {zeros} answered by a true zero; "
        f"{len(findings)} rules, {bad} without their series or in error"
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
