"""The cache server fails in every way it can while the stream runs: output complete and right, and the stream goes on.

A real worker reads CVE ids, asks a provider on loopback, and caches in a real server. What it publishes is judged from
outside: every item once and in order, every lookup there, and no answer that the provider did not give.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from kafka import KafkaConsumer, TopicPartition

from tests.chaos.rig import PARTITIONS, Rig, Supervised
from tests.support.lookup_server import ProviderServer
from tests.support.slow_proxy import SlowProxy
from workers.cli.metrics_page import fetch_samples, total
from workers.embedded.broker import EmbeddedBroker
from workers.embedded.cache_process import CacheProcess

pytestmark = pytest.mark.chaos

ROUNDS, ITEMS_A_ROUND, CVES_AN_ITEM = 6, 120, 4
STEADY = 4_000
ROW = """
[[lookup]]
kind = "cve"
provider = "first-epss"
enabled = true
internal = true
endpoint = "{url}"
parameter = "cve"
rows = "/data"
key = "/cve"
answers = {{ epss = "/epss" }}
numbers = ["epss"]
batch = 100
deadline_ms = 1000
soft_ttl_s = 3600
hard_ttl_s = 7200
negative_ttl_s = 3600
tlp_ceiling = "RED"
"""


def cves_of(round_: int) -> list[str]:
    return [f"CVE-2026-{1000 + round_ * CVES_AN_ITEM + at}" for at in range(CVES_AN_ITEM)]


def score_of(cve: str) -> float | None:
    """What the provider says: a score for even numbers, nothing for odd ones."""
    number = int(cve.rpartition("-")[2])
    return None if number % 2 else number / 10_000


class World:
    """A stream with lookups, and a hand on its cache server."""

    def __init__(self, rig: Rig, server: CacheProcess, proxy: SlowProxy, provider: ProviderServer) -> None:
        self.rig, self.server, self.proxy, self.provider = rig, server, proxy, provider
        self.client = redis.Redis.from_url(server.url)
        provider.scores = {
            cve: str(score) for round_ in range(ROUNDS) for cve in cves_of(round_) if (score := score_of(cve))
        }
        (rig.config / "lookups.toml").write_text(ROW.format(url=provider.url), encoding="utf-8")

    def start(self) -> Supervised:
        return self.rig.start(
            1,
            SHIRASE_STAGES__READ="true",
            SHIRASE_STAGES__LOOK_UP="true",
            SHIRASE_REDIS__URL=f"redis://127.0.0.1:{self.proxy.port}/0",
            SHIRASE_REDIS__TIMEOUT_MS="100",
            SHIRASE_CACHE__PROCESS_TTL_MS="1",
            SHIRASE_BATCH__MAX_RECORDS="40",
        )

    def feed(self, round_: int) -> None:
        self.rig.feed(ITEMS_A_ROUND, "The flaws " + ", ".join(cves_of(round_)) + " are exploited.")

    def events(self) -> list[dict[str, object]]:
        consumer = KafkaConsumer(
            bootstrap_servers=self.rig.bootstrap(), isolation_level="read_committed", enable_auto_commit=False
        )
        places = [TopicPartition(self.rig.output, number) for number in range(PARTITIONS)]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends, events = consumer.end_offsets(places), []
        while any(consumer.position(place) < end for place, end in ends.items()):
            events += [json.loads(record.value) for some in consumer.poll(300).values() for record in some]
        consumer.close()
        return events


@pytest.fixture
def world(
    embedded_broker: EmbeddedBroker, tmp_path: Path, any_redis: CacheProcess, request: pytest.FixtureRequest
) -> Iterator[World]:
    rig = Rig(lambda: embedded_broker.bootstrap, tmp_path, seed=5)
    port = urlsplit(any_redis.url).port or 0
    with ProviderServer().running() as provider, SlowProxy(port).running() as proxy:
        made = World(rig, any_redis, proxy, provider)
        yield made
        made.proxy.delay_s = 0.0
        any_redis.resume()
        rig.close()
        made.client.close()


def kill(world: World) -> None:
    world.server.kill()


def freeze(world: World) -> None:
    world.server.pause()


def fill(world: World) -> None:
    world.client.config_set("maxmemory-policy", "noeviction")
    world.client.config_set("maxmemory", "1mb")


def make_replica(world: World) -> None:
    world.client.replicaof("127.0.0.1", "1")
    world.client.config_set("replica-serve-stale-data", "yes")


def flush(world: World) -> None:
    world.client.flushall()


def foreign_types(world: World) -> None:
    for key in list(world.client.scan_iter("shirase:*")):
        world.client.delete(key)
        world.client.rpush(key, "not ours")


def slow_down(world: World) -> None:
    world.proxy.delay_s = 2.0


FAULTS: dict[str, tuple[Callable[[World], None], set[str]]] = {
    "SIGKILL": (kill, {"error", "breaker"}),
    "SIGSTOP": (freeze, {"error", "breaker"}),
    "maxmemory": (fill, {"refused"}),
    "READONLY replica": (make_replica, {"refused"}),
    "FLUSHALL": (flush, {"miss"}),
    "wrong types": (foreign_types, {"miss"}),
    "2 s latency": (slow_down, {"error", "breaker"}),
}


def wrong_answers(events: list[dict[str, object]]) -> tuple[list[object], Counter[str]]:
    """Lookups that say what the provider did not, and how often each status stands."""
    wrong: list[object] = []
    statuses: Counter[str] = Counter()
    for event in events:
        lookups: list[dict[str, object]] = event["lookups"]  # type: ignore[assignment]
        named = {one["id"] for one in event["vulnerabilities"]}  # type: ignore[attr-defined]
        if len(named) != CVES_AN_ITEM or {one["key"] for one in lookups} != named or len(lookups) != len(named):
            wrong.append(event["id"])
        for one in lookups:
            status, score = str(one["status"]), score_of(str(one["key"]))
            statuses[status] += 1
            value: dict[str, float] | None = one.get("value")  # type: ignore[assignment]
            is_right = (
                (status in {"found", "stale"} and value is not None and value["epss"] == score)
                or (status == "not_found" and score is None)
                or status == "unavailable"
            )
            if not is_right:
                wrong.append(one)
    return wrong, statuses


@pytest.mark.timeout(150)
@pytest.mark.parametrize("name", FAULTS)
def test_the_output_is_complete_and_right(world: World, name: str) -> None:
    fault, hit = FAULTS[name]
    workers = world.start()
    world.feed(0)
    world.rig.wait_until_all_is_out(60)
    before = shared_results(workers)
    fault(world)
    for round_ in (0, *range(1, ROUNDS)):
        world.feed(round_)
    world.rig.wait_until_all_is_out(60)
    after = shared_results(workers)
    assert workers.stop() == 0, world.rig.logs()
    verdict = world.rig.verdict()
    wrong, statuses = wrong_answers(world.events())
    moved = {result: after[result] - before[result] for result in after if after[result] > before[result]}
    print(f"{name}: {world.rig.produced} items, lookups {dict(statuses)}, shared cache {moved}: {verdict}")
    assert verdict.is_clean, f"{verdict}\n{world.rig.logs()}"
    assert wrong == []
    assert statuses["found"] > statuses["unavailable"]
    assert set(moved) & hit, "the fault did not hit"


def shared_results(workers: Supervised) -> Counter[str]:
    """How often the shared cache answered in which way, by the worker's own count."""
    samples = fetch_samples(str(workers.events("metrics")[-1]["address"]))
    results = ("hit", "stale", "miss", "refused", "error", "breaker")
    return Counter(
        {result: int(total(samples, "cache_requests_total", cache="shared", result=result)) for result in results}
    )


def looked_up_s(workers: Supervised) -> float:
    """How long the worker's batches have waited for lookups so far, by its own count."""
    samples = fetch_samples(str(workers.events("metrics")[-1]["address"]))
    return total(samples, "stage_duration_seconds_sum", stage="look_up")


def share_of_time(world: World, workers: Supervised, round_: int) -> float:
    """Which share of the time that `STEADY` items take is spent in lookups."""
    before, started = looked_up_s(workers), time.monotonic()
    world.rig.feed(STEADY, "The flaws " + ", ".join(cves_of(round_)) + " are exploited.")
    world.rig.wait_until_all_is_out(100)
    assert workers.process.poll() is None
    return (looked_up_s(workers) - before) / (time.monotonic() - started)


@pytest.mark.timeout(250)
def test_the_stream_goes_on_at_its_speed(world: World) -> None:
    """With the worst two faults a stream without any lookups would be at most 1 / 0.7 times as fast.

    Shares of one run's time are compared, and not the times of two runs: other work on the machine slows both parts.
    """
    workers = world.start()
    world.feed(0)
    world.rig.wait_until_all_is_out(60)
    healthy = share_of_time(world, workers, 1)
    world.server.pause()
    frozen = share_of_time(world, workers, 2)
    world.server.resume()
    world.proxy.delay_s = 2.0
    slow = share_of_time(world, workers, 3)
    print(f"{STEADY:,} items, share in lookups: {healthy:.1%}, frozen cache {frozen:.1%}, cache 2 s late {slow:.1%}")
    assert frozen <= 0.3
    assert slow <= 0.3
