"""The alerter as an operator meets it: real worker, commands, webhooks and metrics on the embedded broker."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaProducer
from typer.testing import CliRunner

from tests.chaos.alerter_rig import AlerterRig
from tests.chaos.rig import Supervised
from tests.chaos.story_events import story_event
from tests.support.lookup_server import ProviderServer, reply
from workers.cli.program import app
from workers.embedded.broker import EmbeddedBroker
from workers.model import Tlp

STORIES = 8


class Site:
    """An alerter with a webhook that works and one that is down, and the commands beside it."""

    def __init__(self, rig: AlerterRig, folder: Path, good: ProviderServer, bad: ProviderServer) -> None:
        self.rig = rig
        self.good, self.bad = good, bad
        self.environment = {name: value for name, value in rig.environment().items() if name.startswith("SHIRASE_")}
        (folder / "secret").write_text("hush\n")
        (rig.config / "webhooks.toml").write_text(
            f'[[webhook]]\nname = "soc"\nkind = "generic"\nurl = "{good.url}"\nsecret_file = "{folder / "secret"}"\n'
            'internal = true\ntlp_ceiling = "GREEN"\nmax_age_s = 999999999\n'
            f'[[webhook]]\nname = "chat"\nkind = "slack"\nurl = "{bad.url}"\n'
            'internal = true\ntlp_ceiling = "CLEAR"\ntimeout_ms = 300\ndeadline_ms = 300\nmax_age_s = 999999999\n'
        )

    def call(self, *arguments: str, code: int = 0) -> str:
        program = ["--config-dir", str(self.rig.config), "alerts", *arguments]
        done = CliRunner().invoke(app, program, env=self.environment)
        assert done.exit_code == code, (arguments, done.exit_code, done.stdout, done.stderr)
        return done.stdout

    def jsons(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.call(*arguments, "--json").splitlines()]

    def metrics(self, worker: Supervised) -> str:
        (said,) = worker.events("metrics")
        with urllib.request.urlopen(str(said["address"]), timeout=5) as answer:
            page: str = answer.read().decode()
            return page


@pytest.fixture
def site(shared_embedded_broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Site]:
    rig = AlerterRig(lambda: shared_embedded_broker.bootstrap, tmp_path, seed=1)
    good, bad = ProviderServer(), ProviderServer()
    good.behaviour, bad.behaviour = reply(204, b""), reply(503, b"")
    with good.running(), bad.running():
        yield Site(rig, tmp_path, good, bad)
        rig.close()


def until(holds: Callable[[], object], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _feed_what_must_not_alert(rig: AlerterRig) -> None:
    """An event in a transaction that is given up, and one that may not leave the house."""
    producer = KafkaProducer(bootstrap_servers=rig.bootstrap(), transactional_id=rig.topic("tagged"))
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(rig.topic("tagged"), msgspec.json.encode(story_event(900, 0, 1)), key=b"aborted")
    producer.flush()
    producer.abort_transaction()
    secret = story_event(901, 0, 1)
    secret = msgspec.structs.replace(secret, item=msgspec.structs.replace(secret.item, tlp=Tlp.RED))
    producer.begin_transaction()
    producer.send(rig.topic("tagged"), msgspec.json.encode(secret), key=b"red")
    producer.commit_transaction()
    producer.close()


@pytest.mark.timeout(150)
def test_alerts_are_raised_delivered_listed_noted_and_replayed(site: Site) -> None:
    _feed_what_must_not_alert(site.rig)
    site.rig.feed(STORIES)
    worker = site.rig.start(1)
    verdict = site.rig.wait_until_all_is_told()
    assert verdict.is_clean, verdict
    listed = site.jsons("list")
    assert len(listed) == verdict.alerts
    names = {one["alert"]["item"]["id"] for one in listed}
    assert "item-901-0" in names
    assert "item-900-0" not in names, "an event of an aborted transaction raised an alert"

    outward = [one["alert"]["id"] for one in listed if one["alert"]["tlp"] == "CLEAR"]
    until(lambda: len(site.good.headers) >= len(outward))
    assert sorted(headers["Idempotency-Key"] for headers in site.good.headers) == sorted(outward)
    assert all("Shirase-Signature" in headers for headers in site.good.headers)

    pattern = r'webhook_deliveries_total\{result="(\w+|\w+-\w+)",sink="(\w+)"\} (\d+)'
    counted: dict[tuple[str, str], int] = {}

    def all_counted() -> bool:
        page = site.metrics(worker)
        counted.update({(sink, result): int(float(n)) for result, sink, n in re.findall(pattern, page)})
        return counted.get(("chat", "failed"), 0) >= len(outward)

    until(all_counted, 60)
    assert counted["soc", "delivered"] == len(outward)
    assert counted["soc", "above-tlp"] == verdict.alerts - len(outward)
    page = site.metrics(worker)
    for name in ("records_consumed_total", "alerts_total", "story_items_total", "stories_open", "build_info"):
        assert f"shirase_{name}" in page
    assert site.rig.dead_letters() == ["not-json"]

    site.bad.behaviour = reply(200, b"ok")
    assert len(json.loads(site.call("resend", "chat", "--json"))["sent"]) == len(outward)
    site.call("resend", "nobody", code=1)

    first = listed[0]["alert"]["id"]
    assert "noted by me" in site.call("ack", first[:13], "--by", "me", "--note", "seen")
    assert first not in {one["alert"]["id"] for one in site.jsons("list")}
    noted = {one["alert"]["id"]: one["ack"] for one in site.jsons("list", "--with-acked")}
    assert noted[first]["by"] == "me"
    shown = site.call("show", first)
    assert "noted: by me" in shown
    assert first in shown
    site.call("show", "no-such-alert", code=1)
    site.call("list", "--since", "soon", code=2)

    again = site.jsons("replay", "--since", "2026-01-01")
    assert {one["alert"]["reason"] for one in again} == {one["alert"]["reason"] for one in listed}
    assert len([one for one in again if one["alert"]["reason"] == "new-story"]) == STORIES + 1
    assert len(site.jsons("list", "--with-acked")) == verdict.alerts, "a replay must send nothing"
    held = [one for one in site.jsons("list", "--suppressed", "--with-acked") if one["suppressed_by"]]
    assert all(one["suppressed_by"] for one in held)
    assert worker.stop() == 0


def test_without_its_topics_it_says_so_and_stops(shared_embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    rig = AlerterRig(lambda: shared_embedded_broker.bootstrap, tmp_path, seed=1)
    worker = rig.start(1, SHIRASE_ALERTER__STATE="nowhere")
    assert worker.process.wait(60) == 1
    (said,) = worker.events("stopped")
    assert "nowhere" in str(said["reason"])
    assert "shirase topics apply" in str(said["reason"])
