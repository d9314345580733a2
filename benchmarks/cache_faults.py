"""Throughput of the whole worker while its cache server fails, against one without a fault at the same time.

Two workers over Apache Kafka read the same items, which name four CVEs each, ask a provider on loopback, and each share
their answers in a Valkey of their own behind a proxy. One Valkey fails. Both run at once, so that whatever else the machine
does hits both; rates are read from the times at which the broker stamped the outputs. The process's own cache is told
to ask the server again every second instead of every minute, so that a fault is met all the time.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import msgspec
import redis

from benchmarks.broker import create_topics, load_topic, middle_rate, output_times
from benchmarks.contenders import Contender, Job
from tests.support.lookup_server import ProviderServer
from tests.support.slow_proxy import SlowProxy
from workers.embedded.valkey import EmbeddedValkey

__all__ = ["measure_cache_faults"]

ROOT = Path(__file__).resolve().parents[1]
SOURCE = "bench.faults"
ITEMS, KEYS, CVES_AN_ITEM, BATCH = 20_000, 2_000, 4, 500
AGAIN_S = 0.2
RUN_LIMIT_S = 180.0
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
deadline_ms = 400
soft_ttl_s = 3600
hard_ttl_s = 7200
negative_ttl_s = 3600
tlp_ceiling = "RED"
"""


class _Cache:
    """The cache server, its proxy, and what can be done to them."""

    def __init__(self, server: EmbeddedValkey, proxy: SlowProxy) -> None:
        self.server = server
        self.proxy = proxy
        self._client = redis.Redis.from_url(server.url)

    @contextmanager
    def failing(self, fault: Callable[[_Cache], None] | None) -> Iterator[None]:
        """Within, the fault is done, and done again a few times a second. A server as new afterwards."""
        over = Event()

        def work() -> None:
            while fault is not None and not over.is_set():
                with contextlib.suppress(redis.RedisError):
                    fault(self)
                over.wait(AGAIN_S)

        thread = Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(10)
            self.proxy.delay_s = 0.0
            self.server.resume()
            if fault is not None:
                self.server.kill()
                self.server.start()

    def kill(self) -> None:
        self.server.kill()

    def freeze(self) -> None:
        self.server.pause()

    def fill(self) -> None:
        self._client.config_set("maxmemory-policy", "noeviction")
        self._client.config_set("maxmemory", "1mb")

    def make_replica(self) -> None:
        self._client.replicaof("127.0.0.1", "1")

    def flush(self) -> None:
        self._client.flushall()

    def foreign_types(self) -> None:
        pipe = self._client.pipeline(transaction=False)
        for key in self._client.scan_iter("shirase:lookup:*", count=1000):
            pipe.delete(key)
            pipe.rpush(key, "not ours")
        pipe.execute(raise_on_error=False)

    def slow_down(self) -> None:
        self.proxy.delay_s = 2.0


FAULTS: dict[str, Callable[[_Cache], None]] = {
    "SIGKILL, and gone": _Cache.kill,
    "SIGSTOP": _Cache.freeze,
    "maxmemory reached": _Cache.fill,
    "READONLY replica": _Cache.make_replica,
    "FLUSHALL, five times a second": _Cache.flush,
    "foreign types under our keys": _Cache.foreign_types,
    "2 s latency": _Cache.slow_down,
}


def measure_cache_faults(bootstrap: str, rounds: int) -> list[str]:
    """The table's lines, Markdown."""
    create_topics(bootstrap, [SOURCE])
    load_topic(bootstrap, SOURCE, [_item(at) for at in range(ITEMS)])
    with ProviderServer().running() as provider, _config(provider.url) as config, _cache() as sick, _cache() as well:
        provider.scores = {_cve(at): "0.5" for at in range(0, KEYS, 2)}
        bench = _Bench(bootstrap, config)
        bench.pair(sick, well, None)  # what is cold gets warm
        pairs = {name: [bench.pair(sick, well, fault) for _ in range(rounds)] for name, fault in FAULTS.items()}
    lines = [
        f"| {ITEMS:,} items, {CVES_AN_ITEM} lookups each: none lost, none doubled | records/s | without, at the same time | share |",
        "|---|---|---|---|",
    ]
    return lines + [_line(name, seen) for name, seen in pairs.items()]


def _line(name: str, seen: Sequence[tuple[float, float]]) -> str:
    sick, well = (statistics.median(rates) for rates in zip(*seen, strict=True))
    shares = [one / other for one, other in seen]
    every = f" ({', '.join(f'{share:.0%}' for share in shares)})" if len(shares) > 1 else ""
    return f"| {name} | {sick:,.0f} | {well:,.0f} | {statistics.median(shares):.0%}{every} |"


class _Bench:
    """Runs pairs of workers."""

    def __init__(self, bootstrap: str, config: Path) -> None:
        self._bootstrap = bootstrap
        self._command = (sys.executable, "-m", "workers.cli.main", "--config-dir", str(config), "run", "tagger")
        self._serial = itertools.count()

    def pair(self, sick: _Cache, well: _Cache, fault: Callable[[_Cache], None] | None) -> tuple[float, float]:
        """The rates with the fault and without."""
        with sick.failing(fault), ThreadPoolExecutor(2) as both:
            rates = tuple(both.map(self._rate, (sick, well)))
        return rates[0], rates[1]

    def _rate(self, cache: _Cache) -> float:
        output = f"bench.faults-{next(self._serial)}"
        job = Job(bootstrap=self._bootstrap, source=SOURCE, output=output, count=ITEMS, batch=BATCH)
        environment = {
            "SHIRASE_REDIS__URL": f"redis://127.0.0.1:{cache.proxy.port}/0",
            "SHIRASE_CACHE__PROCESS_TTL_MS": "1000",
        }
        create_topics(self._bootstrap, job.topics())
        command = (*self._command, "--until-idle")
        Contender(name=output, command=command, environment=environment, uses_arguments=False).run(job, RUN_LIMIT_S)
        times = output_times(self._bootstrap, output, ITEMS)
        if len(times) != ITEMS:
            raise RuntimeError(f"{len(times)} of {ITEMS} records are there")
        return middle_rate(times)


@contextmanager
def _cache() -> Iterator[_Cache]:
    with EmbeddedValkey() as server, SlowProxy(urlsplit(server.url).port or 0).running() as proxy:
        yield _Cache(server, proxy)


def _cve(at: int) -> str:
    return f"CVE-2026-{10_000 + at % KEYS}"


def _item(at: int) -> bytes:
    named = ", ".join(_cve(at * CVES_AN_ITEM + n) for n in range(CVES_AN_ITEM))
    return msgspec.json.encode({"id": f"fault-{at}", "title": f"The flaws {named} are exploited.", "tlp": "CLEAR"})


@contextmanager
def _config(url: str) -> Iterator[Path]:
    """The shipped configuration with one lookup, asked of the provider at `url`."""
    with tempfile.TemporaryDirectory(prefix="shirase-bench-") as folder:
        config = Path(folder) / "config"
        shutil.copytree(ROOT / "config", config)
        (config / "lookups.toml").write_text(ROW.format(url=url), encoding="utf-8")
        (config / "routes.toml").write_text("", encoding="utf-8")
        yield config
