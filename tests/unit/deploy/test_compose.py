"""docker-compose.yml: valid by the Compose specification's schema, hardened, and true to our own settings."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from workers import __version__
from workers.cli.program import app
from workers.settings import load_settings

ROOT = Path(__file__).resolve().parents[3]
OURS = ("topics", "tagger", "alerter")
Compose = dict[str, Any]


@pytest.fixture(scope="module")
def compose() -> Compose:
    loaded: Compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def schema() -> Compose:
    """The Compose specification's schema, as the check-jsonschema package carries it; the package's code is not run."""
    package = find_spec("check_jsonschema")
    assert package is not None, "check-jsonschema is not installed: it is in the test group of pyproject.toml"
    assert package.origin is not None
    file = Path(package.origin).parent / "builtin_schemas/vendor/compose-spec.json"
    found: Compose = json.loads(file.read_text(encoding="utf-8"))
    return found


def services(compose: Compose) -> Iterator[tuple[str, Compose]]:
    yield from compose["services"].items()


def test_it_is_valid_by_the_specification(compose: Compose, schema: Compose) -> None:
    jsonschema.validate(compose, schema)


@pytest.mark.parametrize(
    ("service", "key", "value"),
    [("tagger", "depend_on", ["kafka"]), ("redis", "read_only", {}), ("kafka", "cap_drop", "ALL")],
)
def test_the_schema_notices_mistakes(compose: Compose, schema: Compose, service: str, key: str, value: Any) -> None:
    broken = copy.deepcopy(compose)
    broken["services"][service][key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


def test_every_service_gives_up_its_privileges(compose: Compose) -> None:
    for name, service in services(compose):
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name


def test_only_the_broker_may_write_to_its_root_file_system(compose: Compose) -> None:
    assert [name for name, service in services(compose) if not service.get("read_only")] == ["kafka"]


def test_ports_are_open_to_this_machine_only(compose: Compose) -> None:
    ports = [port for _, service in services(compose) for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_images_name_their_version(compose: Compose) -> None:
    for name, service in services(compose):
        tag = service["image"].partition(":")[2]
        assert tag, name
        assert tag != "latest", name
    assert {compose["services"][name]["image"] for name in OURS} == {f"shirase:{__version__}"}


def test_whoever_is_waited_for_can_say_when_he_is_ready(compose: Compose) -> None:
    for name, service in services(compose):
        for other, wait in service.get("depends_on", {}).items():
            waited = compose["services"][other]
            if wait["condition"] == "service_healthy":
                assert waited["healthcheck"]["test"], (name, other)
            else:
                assert wait["condition"] == "service_completed_successfully"
                assert waited["restart"] == "no", (name, other)


def test_mounted_files_exist_and_volumes_are_declared(compose: Compose) -> None:
    for name, service in services(compose):
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), (name, source)
            else:
                assert source in compose["volumes"], (name, source)


def test_the_worker_takes_the_environment_that_is_set_for_it(compose: Compose) -> None:
    environment = compose["services"]["tagger"]["environment"]
    settings = load_settings(ROOT / "config", None, environment)
    broker = compose["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"//{settings.kafka.bootstrap_servers}" in broker
    assert settings.redis.url == "redis://redis:6379/0"
    assert settings.metrics.host == "0.0.0.0"


def test_the_worker_gets_longer_to_stop_than_it_takes(compose: Compose) -> None:
    settings = load_settings(ROOT / "config", None, {})
    for name, grace_s in (("tagger", settings.tagger.grace_s), ("alerter", settings.alerter.grace_s)):
        assert float(compose["services"][name]["stop_grace_period"].removesuffix("s")) > grace_s


def test_topics_fit_one_broker() -> None:
    settings = load_settings(ROOT / "config", None, {})
    assert {topic.replication for topic in settings.topics} == {1}


@pytest.mark.parametrize("name", OURS)
def test_our_commands_are_commands_of_the_program(compose: Compose, name: str) -> None:
    done = CliRunner().invoke(app, [*compose["services"][name]["command"], "--help"])
    assert done.exit_code == 0, done.output


def test_it_runs_the_whole_stream_and_what_watches_it(compose: Compose) -> None:
    wanted = {"kafka", "redis", "topics", "tagger", "alerter", "prometheus", "alertmanager", "grafana"}
    assert set(compose["services"]) == wanted
    assert compose["services"]["tagger"]["deploy"]["replicas"] == 2


def test_prometheus_scrapes_the_ports_that_the_workers_serve(compose: Compose) -> None:
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    found = {
        job["job_name"]: (tuple(group["names"]), group["port"])
        for job in scraped["scrape_configs"]
        for group in job.get("dns_sd_configs", [])
    }
    settings = load_settings(ROOT / "config", None, {})
    tagger, alerter = settings.metrics.port, settings.alerter.metrics_port
    assert found == {"shirase-tagger": (("tagger",), tagger), "shirase-alerter": (("alerter",), alerter)}
    assert compose["services"]["tagger"]["ports"] == [f"127.0.0.1:{tagger}-{tagger + 1}:{tagger}"]
    assert compose["services"]["alerter"]["ports"] == [f"127.0.0.1:{alerter}:{alerter}"]
    assert f"127.0.0.1:{alerter}/livez" in compose["services"]["alerter"]["healthcheck"]["test"][-1]


def test_the_alerts_go_to_alertmanager_and_its_inhibitions_name_rules_that_exist(compose: Compose) -> None:
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    assert scraped["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]
    assert compose["services"]["alertmanager"]["ports"] == ["127.0.0.1:9093:9093"]
    told = yaml.safe_load((ROOT / "deploy/prometheus/alertmanager.yml").read_text(encoding="utf-8"))
    receivers = {receiver["name"] for receiver in told["receivers"]}
    assert {told["route"]["receiver"], *(route["receiver"] for route in told["route"]["routes"])} == receivers
    rules = (ROOT / "deploy/prometheus/rules/alerts.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"Shirase\w+", str(told["inhibit_rules"])))
    assert named
    assert {name for name in named if f"alert: {name}\n" not in rules} == set()


def test_grafana_reads_from_prometheus(compose: Compose) -> None:
    file = ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml"
    (source,) = yaml.safe_load(file.read_text(encoding="utf-8"))["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert source["isDefault"] is True
    assert compose["services"]["grafana"]["environment"]["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"


def test_the_python_of_the_image_is_one_that_we_support() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["requires-python"] == ">=3.11"
    assert "FROM python:3.11-slim" in (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
