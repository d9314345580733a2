"""What docker-compose.yml and the Dockerfile say is run here, outside containers, word for word but for addresses."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cli_calls import Program
from tests.support.kafka_jars import find_kafka, kafka_classpath
from tests.support.kafka_server import ApacheKafka
from tests.support.redis_servers import find_redis
from tests.support.requirement import require
from workers.adapters.kafka_browse import read_whole_topic
from workers.embedded.broker import EmbeddedBroker
from workers.embedded.loopback import free_port
from workers.embedded.valkey import EmbeddedValkey

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return found


@pytest.fixture
def environment(services: dict[str, Any], embedded_broker: EmbeddedBroker, valkey: EmbeddedValkey) -> dict[str, str]:
    """The tagger's environment with this machine's addresses in the place of the containers' names."""
    here = {
        "SHIRASE_KAFKA__BOOTSTRAP_SERVERS": embedded_broker.bootstrap,
        "SHIRASE_REDIS__URL": valkey.url,
        "SHIRASE_METRICS__HOST": "127.0.0.1",
    }
    named: dict[str, str] = services["tagger"]["environment"]
    assert set(named) == set(here)
    return here | {"SHIRASE_METRICS__PORT": str(free_port())}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The image's site-packages as the Dockerfile lays them: the package, and the configuration inside it."""
    site = tmp_path / "site-packages"
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "workers", site / "workers", ignore=skip)
    shutil.copytree(ROOT / "config", site / "workers/_config", ignore=skip)
    return site


def script() -> str:
    """The console script that the Dockerfile writes."""
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    printed = re.search(r"printf '(#![^']+)'", text)
    assert printed is not None
    return printed[1].replace("\\n", "\n")


def call(image: Path, *arguments: str) -> list[str]:
    file = image / "shirase"
    file.write_text(script(), encoding="utf-8")
    return [sys.executable, str(file), *arguments]


def surroundings(image: Path, environment: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHIRASE_")}
    return kept | {"PYTHONPATH": str(image)} | environment


@pytest.fixture
def tagger(services: dict[str, Any], image: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The topics job, run to its end, and then the tagger."""
    env = surroundings(image, environment)
    topics = call(image, *services["topics"]["command"])
    subprocess.run(topics, env=env, cwd=image, check=True, timeout=60, capture_output=True)
    command = call(image, *services["tagger"]["command"])
    process = subprocess.Popen(command, env=env, cwd=image, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield process
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    finally:
        process.kill()


def health_check(environment: dict[str, str]) -> list[str]:
    """The Dockerfile's HEALTHCHECK, with this test's port."""
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    command: list[str] = json.loads(text.partition("HEALTHCHECK")[2].partition("CMD ")[2].splitlines()[0])
    assert command[0] == "python"
    return [sys.executable, command[1], command[2].replace("9464", environment["SHIRASE_METRICS__PORT"])]


def wait_for_health(environment: dict[str, str], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while subprocess.run(health_check(environment), capture_output=True, timeout=10, check=False).returncode:
        assert process.poll() is None, "the tagger ended"
        assert time.monotonic() < deadline, "the tagger was never healthy"


def test_the_health_check_says_no_where_nobody_serves(environment: dict[str, str]) -> None:
    assert subprocess.run(health_check(environment), capture_output=True, timeout=10, check=False).returncode != 0


def test_topics_and_tagger_run_as_in_the_image(
    tagger: subprocess.Popen[bytes], environment: dict[str, str], tmp_path: Path
) -> None:
    wait_for_health(environment, tagger)
    program = Program(environment)
    (tmp_path / "item.jsonl").write_bytes(b'{"id": "x", "body": "APT10 of China attacked Japan."}\n')
    program("ingest", tmp_path / "item.jsonl")
    output, deadline = program.settings.tagger.output, time.monotonic() + WITHIN_S
    while not (found := list(read_whole_topic(program.settings.kafka, output))):
        assert time.monotonic() < deadline, "the item was never tagged"
    assert [json.loads(record.value or b"")["item"]["id"] for record in found] == ["x"]
    tagger.send_signal(signal.SIGTERM)
    assert tagger.wait(30) == 0


def test_the_alerter_runs_as_in_the_image_and_its_health_check_says_so(
    services: dict[str, Any], image: Path, environment: dict[str, str]
) -> None:
    env = surroundings(image, environment | {"SHIRASE_ALERTER__METRICS_PORT": str(free_port())})
    check = [sys.executable, *services["alerter"]["healthcheck"]["test"][2:]]
    check[-1] = check[-1].replace("9480", env["SHIRASE_ALERTER__METRICS_PORT"])
    subprocess.run(
        call(image, *services["topics"]["command"]), env=env, cwd=image, check=True, timeout=60, capture_output=True
    )
    assert subprocess.run(check, capture_output=True, timeout=10, check=False).returncode != 0
    process = subprocess.Popen(
        call(image, *services["alerter"]["command"]),
        env=env,
        cwd=image,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + WITHIN_S
        while subprocess.run(check, capture_output=True, timeout=10, check=False).returncode:
            assert process.poll() is None, "the alerter ended"
            assert time.monotonic() < deadline, "the alerter was never healthy"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_without_a_checkout_the_settings_are_those_in_the_package(image: Path) -> None:
    done = subprocess.run(
        call(image, "config", "check", "--json"),
        env=surroundings(image, {}),
        cwd=image,
        check=True,
        timeout=30,
        capture_output=True,
    )
    assert json.loads(done.stdout)["config_dir"] == str(image / "workers/_config")


@pytest.mark.redis_server
def test_redis_takes_its_command_line(services: dict[str, Any], tmp_path: Path) -> None:
    require(find_redis())
    port = str(free_port())
    command = [*services["redis"]["command"], "--port", port, "--bind", "127.0.0.1", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    check = services["redis"]["healthcheck"]["test"]
    assert check == ["CMD", "redis-cli", "ping"]
    try:
        deadline = time.monotonic() + WITHIN_S
        while True:
            done = subprocess.run(["redis-cli", "-p", port, "ping"], capture_output=True, timeout=10, check=False)
            if done.stdout == b"PONG\n":
                break
            assert process.poll() is None, "redis-server refused its command line"
            assert time.monotonic() < deadline
    finally:
        process.terminate()
        process.wait(10)


class KafkaOfTheComposeFile(ApacheKafka):
    """Apache Kafka with the compose file's settings, which the image turns into properties by their names."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        folder.mkdir()
        super().__init__(folder)
        self._environment = environment

    def _format(self) -> None:
        ports = {"19092": str(free_port()), "9092": str(self.port), "9093": str(free_port())}
        lines = []
        for name, value in self._environment.items():
            if name.startswith("KAFKA_") and name not in {"KAFKA_HEAP_OPTS", "KAFKA_LOG_DIRS"}:
                here = re.sub(r"(?<=:)(19092|9092|9093)\b", lambda port: ports[port[1]], value)
                here = here.replace("//kafka:", "//127.0.0.1:")
                lines.append(f"{name.removeprefix('KAFKA_').lower().replace('_', '.')}={here}")
        lines.append(f"log.dirs={self.folder / 'data'}")
        self._properties.write_text("\n".join(lines), encoding="utf-8")
        tool = ["java", "-cp", kafka_classpath(), "kafka.tools.StorageTool", "format"]
        cluster = ["-t", self._environment["CLUSTER_ID"], "-c", str(self._properties)]
        subprocess.run([*tool, *cluster], check=True, capture_output=True, timeout=60)


@pytest.mark.kafka
def test_kafka_starts_with_its_settings_and_takes_our_topics(services: dict[str, Any], tmp_path: Path) -> None:
    require(find_kafka())
    with KafkaOfTheComposeFile(tmp_path / "kafka", services["kafka"]["environment"]) as kafka:
        program = Program({"SHIRASE_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap})
        program("topics", "apply")
        assert program("topics", "check").out.startswith("ok:")
