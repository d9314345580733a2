"""The cache server is killed and started again while items with lookups flow: lookups are lost, no event is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import redis

from tests.chaos.rig import ROOT, Rig
from tests.support.lookup_server import ProviderServer
from workers.embedded.valkey import EmbeddedValkey

pytestmark = pytest.mark.chaos

CHUNK = 400
KILLS = 4


@pytest.mark.timeout(240)
def test_killing_the_cache_costs_lookups_and_no_event(rig: Rig) -> None:
    with ProviderServer().running() as provider, EmbeddedValkey() as valkey:
        _enable_lookups(rig.config / "lookups.toml", provider.url)
        workers = rig.start(
            2,
            SHIRASE_BATCH__MAX_RECORDS="50",
            SHIRASE_STAGES__READ="true",
            SHIRASE_STAGES__LOOK_UP="true",
            SHIRASE_REDIS__URL=valkey.url,
            SHIRASE_CACHE__BREAKER_OPEN_MS="300",
        )
        keys_before_kill = []
        for at in range(KILLS):
            rig.feed(CHUNK, f"Attackers exploited CVE-2026-{1000 + at} and CVE-2026-{2000 + at}.")
            rig.wait_for_progress()
            keys_before_kill.append(_keys(valkey.url))
            valkey.kill()
            rig.feed(CHUNK, f"Attackers exploited CVE-2026-{3000 + at}.")
            rig.wait_for_progress()
            time.sleep(rig.random.uniform(0.2, 1.0))
            valkey.start()
        rig.feed(CHUNK, "Attackers exploited CVE-2026-9999.")
        rig.wait_until_all_is_out()
        deadline = time.monotonic() + 10
        while not (keys_after := _keys(valkey.url)) and time.monotonic() < deadline:
            rig.feed(40, f"Attackers exploited CVE-2026-{5000 + int(time.monotonic()) % 1000}.")
            time.sleep(0.5)
        rig.wait_until_all_is_out()
        assert workers.stop() == 0
    verdict = rig.verdict()
    asked = len(provider.requests)
    print(
        f"{rig.produced} items, {KILLS} kills of the cache, keys {keys_before_kill} then {keys_after}, {asked} calls: {verdict}"
    )
    assert verdict.is_clean, f"{verdict}\n{rig.logs()}"
    assert any(keys_before_kill), "nothing was ever cached: this run proves nothing"
    assert keys_after, "the cache is not used again after it came back"
    assert [event["code"] for event in workers.events("worker_ended")] == [0, 0], "a worker died of the cache"


def _keys(url: str) -> int:
    client = redis.Redis.from_url(url)
    try:
        return int(client.dbsize())
    finally:
        client.close()


def _enable_lookups(table: Path, endpoint: str) -> None:
    """The shipped row for EPSS, asked of a provider on loopback."""
    shipped = (ROOT / "config" / "lookups.toml").read_text().split("[[lookup]]")
    row = next(row for row in shipped if 'provider = "first-epss"' in row)
    changes = {
        "enabled": "true",
        "internal": "true",
        "endpoint": f'"{endpoint}"',
        "complete_late": "false",
        "rate_calls": "100000",
        "rate_burst": "1000",
    }
    lines = [
        f"{key} = {changes[key]}" if (key := line.partition(" = ")[0]) in changes else line for line in row.splitlines()
    ]
    table.write_text("[[lookup]]\n" + "\n".join(lines))
