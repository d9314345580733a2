"""Late answers on the wire: a slow provider, a real worker, the embedded broker. Events first, answers afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from tests.chaos.rig import PARTITIONS, Rig
from tests.chaos.test_cache_faults import ROW
from tests.support.lookup_server import ProviderServer, epss
from tests.support.lookups import wait_for
from workers.embedded.broker import EmbeddedBroker

KNOWN, UNKNOWN = "CVE-2022-27225", "CVE-1999-0001"


def late_epss(handler: BaseHTTPRequestHandler, server: ProviderServer) -> None:
    """Longer than the batch waits, shorter than the call may take."""
    server.closing.wait(1.5)
    epss(handler, server)


def read(rig: Rig, topic: str) -> list[tuple[bytes, dict[str, bytes], Any]]:
    consumer = KafkaConsumer(
        bootstrap_servers=rig.bootstrap(), isolation_level="read_committed", enable_auto_commit=False
    )
    places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    ends, found = consumer.end_offsets(places), []
    while any(consumer.position(place) < end for place, end in ends.items()):
        found += [
            (record.key, dict(record.headers), json.loads(record.value))
            for some in consumer.poll(300).values()
            for record in some
        ]
    consumer.close()
    return found


@pytest.fixture
def rig(embedded_broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(lambda: embedded_broker.bootstrap, tmp_path, seed=7)
    yield made
    made.close()


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    with ProviderServer().running() as running:
        running.behaviour = late_epss
        yield running


def test_events_do_not_wait_and_their_answers_follow(rig: Rig, provider: ProviderServer) -> None:
    topic = rig.output + "-late"
    admin = KafkaAdminClient(bootstrap_servers=rig.bootstrap())
    admin.create_topics({topic: {"num_partitions": PARTITIONS, "replication_factor": 1}}, wait_for_metadata=True)
    admin.close()
    row = ROW.format(url=provider.url).replace("deadline_ms = 1000", "deadline_ms = 50\ncomplete_late = true")
    (rig.config / "lookups.toml").write_text(row, encoding="utf-8")
    rig.feed(8, f"Both {KNOWN} and {UNKNOWN} are named.")
    workers = rig.start(
        1, SHIRASE_STAGES__READ="true", SHIRASE_STAGES__LOOK_UP="true", SHIRASE_TAGGER__ENRICHMENTS=topic
    )
    rig.wait_until_all_is_out(60)
    wait_for(lambda: len(read(rig, topic)) >= 8, 30)
    assert workers.stop() == 0, rig.logs()

    assert rig.verdict().is_clean
    events = {event["item"]["id"]: event for _, _, event in read(rig, rig.output)}
    late = read(rig, topic)
    assert len(events) == 8
    for event in events.values():
        assert [lookup["status"] for lookup in event["lookups"]] == ["unavailable", "unavailable"]
    assert sorted(key.decode() for key, _, _ in late) == sorted(events)
    for key, headers, enrichment in late:
        event = events[key.decode()]
        assert (enrichment["event_id"], enrichment["item_id"]) == (event["id"], event["item"]["id"])
        answers = {lookup["key"]: lookup["status"] for lookup in enrichment["lookups"]}
        assert answers == {KNOWN: "found", UNKNOWN: "not_found"}
        assert headers["ce_type"] == b"org.shirase.enrichment.v1"
        assert headers["ce_subject"] == key
    assert len({headers["ce_id"] for _, headers, _ in late}) == 8


def test_a_missing_topic_for_late_answers_is_said_at_the_start(rig: Rig, provider: ProviderServer) -> None:
    row = ROW.format(url=provider.url).replace("deadline_ms = 1000", "deadline_ms = 50\ncomplete_late = true")
    (rig.config / "lookups.toml").write_text(row, encoding="utf-8")
    workers = rig.start(1, SHIRASE_STAGES__LOOK_UP="true", SHIRASE_TAGGER__ENRICHMENTS="not-there")
    assert workers.process.wait(60) == 1
    assert "not-there" in rig.logs()
