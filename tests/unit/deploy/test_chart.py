"""The Helm chart: lints, renders with every values file of ci/, and each object is valid by Kubernetes' own schemas."""

from __future__ import annotations

import copy
import functools
import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from typer.testing import CliRunner

from deploy import chart_files
from tests.support.requirement import require
from workers import __version__
from workers.cli.program import app
from workers.settings import load_settings

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "deploy/kubernetes/shirase"
VALUES = sorted(path.stem for path in (CHART / "ci").glob("*.yaml"))
CRDS = Path(__file__).with_name("crds")
KUBERNETES = ("1.27", "1.37")
_FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Thing: TypeAlias = dict[str, Any]
Render: TypeAlias = Callable[..., list[Thing]]


@pytest.fixture(scope="module")
def helm() -> str:
    """Helm, from PATH or from where `go install` puts it."""
    places = [os.environ.get("GOBIN", ""), f"{os.environ.get('GOPATH', '')}/bin", str(Path.home() / "go/bin")]
    found = shutil.which("helm") or shutil.which("helm", path=os.pathsep.join(places))
    require(None if found else "helm is not installed: go install helm.sh/helm/v3/cmd/helm@v3.22.0")
    assert found is not None
    return found


def call(helm: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([helm, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def render(helm: str) -> Render:
    @functools.cache
    def once(values: str, *more: str) -> str:
        where = ("--kube-version", "1.33.0", "--namespace", "soc", "-f", str(CHART / f"ci/{values}.yaml"))
        done = call(helm, "template", "shirase", str(CHART), *where, *more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rendered(values: str, *more: str) -> list[Thing]:
        return [one for one in yaml.load_all(once(values, *more), _FAST_LOADER) if one]

    return rendered


def of_kind(things: list[Thing], kind: str) -> list[Thing]:
    return [one for one in things if one["kind"] == kind]


def pods(things: list[Thing]) -> Iterator[Thing]:
    """The pod templates of deployments and jobs."""
    yield from (one["spec"]["template"]["spec"] for one in things if one["kind"] in {"Deployment", "Job"})


def test_there_are_several_values_files() -> None:
    assert VALUES == ["defaults", "small", "whole"]


@pytest.mark.parametrize("values", VALUES)
def test_it_lints(helm: str, values: str) -> None:
    done = call(helm, "lint", "--strict", str(CHART), "-f", str(CHART / f"ci/{values}.yaml"))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("values", VALUES)
def test_every_object_is_valid_by_kubernetes_schemas(render: Render, values: str, version: str) -> None:
    things = render(values)
    assert things
    for one in things:
        if "." in one["apiVersion"].partition("/")[0] and not one["apiVersion"].startswith(("networking.k8s.io",)):
            jsonschema.validate(one, custom_schema(one["kind"]))
        else:
            kubernetes_validate.validate(one, version, strict=True)


def custom_schema(kind: str) -> Thing:
    """The schema of another project's kind, in which a misspelt member is a mistake too."""
    schema: Thing = json.loads((CRDS / f"{kind.lower()}.json").read_text(encoding="utf-8"))
    spec: Thing = closed(schema["properties"]["spec"])
    schema["properties"]["spec"] = spec
    return schema


def closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    is_open = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not is_open:
        found["additionalProperties"] = False
    return found


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("Deployment", lambda one: one["spec"]["template"]["spec"].update(terminationGracePeriod=3)),
        ("NetworkPolicy", lambda one: one["spec"].update(egress={})),
        ("ServiceMonitor", lambda one: one["spec"]["endpoints"][0].update(intervall="15s")),
        ("PrometheusRule", lambda one: one["spec"]["groups"][0]["rules"][0].update(expr=[])),
        ("ScaledObject", lambda one: one["spec"].update(maxReplicas=3)),
    ],
)
def test_the_schemas_notice_mistakes(render: Render, kind: str, spoil: Callable[[Thing], None]) -> None:
    broken = copy.deepcopy(of_kind(render("whole"), kind)[0])
    spoil(broken)
    if (CRDS / f"{kind.lower()}.json").exists():
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, custom_schema(kind))
    else:
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(broken, KUBERNETES[-1], strict=True)


@pytest.mark.parametrize(
    "setting",
    [
        "kafka.bootstrapServers=kafka",
        "tagger.terminationGracePeriodSeconds=10",
        "image.tag=latest",
        "tagger.resources.limits.memory=lots",
        "taggers.replicas=3",
        "redis.url=redis:6379",
    ],
)
def test_wrong_values_are_refused_with_their_name(helm: str, setting: str) -> None:
    where = ("--kube-version", "1.33.0", "-f", str(CHART / "ci/small.yaml"))
    done = call(helm, "template", "shirase", str(CHART), *where, "--set", setting)
    assert done.returncode != 0
    assert setting.partition("=")[0].split(".")[-1 if "taggers" not in setting else 0] in done.stderr


def test_without_a_broker_nothing_is_rendered(helm: str) -> None:
    done = call(helm, "template", "shirase", str(CHART), "--kube-version", "1.33.0")
    assert done.returncode != 0
    assert "bootstrapServers" in done.stderr


@pytest.mark.parametrize("values", VALUES)
def test_every_container_is_unprivileged_with_a_read_only_root_and_limits(render: Render, values: str) -> None:
    for pod in pods(render(values)):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"].keys() == {"cpu", "memory"}
        assert not container["image"].endswith(":latest")


def test_the_user_is_the_images_own(render: Render) -> None:
    dockerfile = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    for pod in pods(render("whole")):
        user = pod["securityContext"]["runAsUser"]
        assert f"USER {user}:{pod['securityContext']['runAsGroup']}\n" in dockerfile


def test_commands_are_commands_of_the_program(render: Render) -> None:
    commands = [pod["containers"][0]["args"] for pod in pods(render("whole"))]
    assert sorted(commands) == [["run", "alerter"], ["run", "tagger"], ["topics", "apply"]]
    for command in commands:
        assert CliRunner().invoke(app, [*command, "--help"]).exit_code == 0, command


def test_probes_ask_the_port_that_the_process_serves(render: Render) -> None:
    settings = load_settings(ROOT / "config", None, {})
    ports = {"tagger": settings.metrics.port, "alerter": settings.alerter.metrics_port}
    things = render("whole")
    for one in of_kind(things, "Deployment"):
        (container,) = one["spec"]["template"]["spec"]["containers"]
        (port,) = container["ports"]
        assert port["containerPort"] == ports[container["name"]]
        paths = {probe: container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
        assert {at["port"] for at in paths.values()} == {port["name"]}
        assert paths["livenessProbe"]["path"] == "/livez"
        assert paths["readinessProbe"]["path"] == "/readyz"
    services = {one["metadata"]["name"]: one["spec"]["ports"][0]["port"] for one in of_kind(things, "Service")}
    assert services == {f"shirase-{part}": port for part, port in ports.items()}


def test_pods_get_longer_to_stop_than_they_take(render: Render) -> None:
    settings = load_settings(ROOT / "config", None, {})
    for pod in pods(render("defaults")):
        if pod["containers"][0]["name"] != "topics":
            grace_s = pod["terminationGracePeriodSeconds"]
            assert grace_s > max(settings.tagger.grace_s, settings.alerter.grace_s)
            assert pod["topologySpreadConstraints"]


def test_the_environment_is_what_the_settings_take(render: Render) -> None:
    for pod in pods(render("whole")):
        (container,) = pod["containers"]
        given = {one["name"]: one.get("value", "a-pod") for one in container["env"]}
        assert given.pop("SHIRASE_CONFIG") == "/etc/shirase/over.toml"
        settings = load_settings(ROOT / "config", None, given)
        assert settings.kafka.bootstrap_servers == "kafka-0.kafka:9093,kafka-1.kafka:9093"
        assert settings.redis.url == "rediss://redis.cache:6380/0"
        assert settings.kafka.instance == "a-pod"
        assert settings.metrics.host == "0.0.0.0"


def test_secrets_are_files_and_nothing_else(render: Render) -> None:
    things = render("whole")
    assert of_kind(things, "Secret") == []
    for pod in pods(things):
        (container,) = pod["containers"]
        assert not [one for one in container["env"] if "secretKeyRef" in one.get("valueFrom", {})]
        mounts = {mount["name"]: mount for mount in container["volumeMounts"] if "subPath" not in mount}
        assert mounts["secrets"]["mountPath"] == "/run/secrets"
        assert mounts["secrets"]["readOnly"] is True
        (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "secrets"]
        assert volume["secret"]["secretName"] == "shirase-secrets"  # the name of a Secret


def test_settings_and_files_reach_the_workers(render: Render) -> None:
    things = render("whole")
    maps = {one["metadata"]["name"]: one["data"] for one in of_kind(things, "ConfigMap")}
    assert tomllib.loads(maps["shirase"]["over.toml"])["kafka"]["security_protocol"] == "SASL_SSL"
    assert maps["shirase"] == maps["shirase-topics"]
    for pod in pods(things):
        paths = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]]
        assert "/opt/shirase/lib/python3.11/site-packages/workers/_config/routes.toml" in paths
    assert "workers/_config" in (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")


def test_a_changed_setting_starts_the_pods_anew(render: Render) -> None:
    sums = {
        one["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        for more in ((), ("--set", "settings=[batch]"))
        for one in of_kind(render("small", *more), "Deployment")
    }
    assert len(sums) == 2


def test_topics_are_there_before_anything_reads_them(render: Render) -> None:
    things = render("defaults")
    (job,) = of_kind(things, "Job")
    hooks = [one for one in things if "helm.sh/hook" in one["metadata"].get("annotations", {})]
    assert {one["kind"] for one in hooks} == {"Job", "ConfigMap"}
    for one in hooks:
        assert one["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    named = {
        volume["configMap"]["name"] for volume in job["spec"]["template"]["spec"]["volumes"] if "configMap" in volume
    }
    assert named == {"shirase-topics"}


def test_scaling_takes_over_the_number_of_taggers(render: Render) -> None:
    things = render("whole")
    deployments = {one["metadata"]["name"]: one["spec"] for one in of_kind(things, "Deployment")}
    assert "replicas" not in deployments["shirase-tagger"]
    assert deployments["shirase-alerter"]["replicas"] == 1
    (scaled,) = of_kind(things, "ScaledObject")
    assert scaled["spec"]["scaleTargetRef"]["name"] == "shirase-tagger"
    settings = load_settings(ROOT / "config", None, {})
    triggers = [trigger["metadata"] for trigger in scaled["spec"]["triggers"]]
    assert [trigger["topic"] for trigger in triggers] == list(settings.tagger.sources)
    assert {trigger["consumerGroup"] for trigger in triggers} == {settings.kafka.group}
    partitions = sum(topic.partitions for topic in settings.topics if topic.name in settings.tagger.sources)
    assert scaled["spec"]["maxReplicaCount"] <= partitions


def test_only_prometheus_comes_in_and_only_what_is_needed_is_reached(render: Render) -> None:
    (policy,) = of_kind(render("whole"), "NetworkPolicy")
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    (way_in,) = policy["spec"]["ingress"]
    assert {port["port"] for port in way_in["ports"]} == {9464, 9480}
    out = {port["port"] for way in policy["spec"]["egress"] for port in way["ports"]}
    assert out == {53, 9093, 6380, 443}
    (defaults,) = of_kind(render("defaults"), "NetworkPolicy")
    assert {port["port"] for way in defaults["spec"]["egress"] for port in way["ports"]} == {53, 9092}


def test_monitors_name_the_jobs_that_rules_select_by(render: Render) -> None:
    things = render("whole")
    for one in of_kind(things, "ServiceMonitor"):
        (endpoint,) = one["spec"]["endpoints"]
        part = one["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"]
        assert {"action": "replace", "targetLabel": "job", "replacement": f"shirase-{part}"} in endpoint["relabelings"]
        services = [
            s for s in of_kind(things, "Service") if s["metadata"]["labels"]["app.kubernetes.io/component"] == part
        ]
        assert [port["name"] for port in services[0]["spec"]["ports"]] == [endpoint["port"]]


def test_the_rules_are_those_that_were_tested(render: Render) -> None:
    (rule,) = of_kind(render("whole", "--set", "monitoring.runbookUrl=deploy/runbook.md"), "PrometheusRule")
    ours = [
        group
        for file in sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    ]
    assert rule["spec"]["groups"] == ours


def test_links_lead_to_the_sites_own_runbook(render: Render) -> None:
    (rule,) = of_kind(render("whole"), "PrometheusRule")
    links = [
        one["annotations"]["runbook_url"]
        for group in rule["spec"]["groups"]
        for one in group["rules"]
        if "alert" in one
    ]
    assert links
    assert {link.partition("#")[0] for link in links} == {"https://grafana.example.org/d/shirase-runbook"}


def test_the_dashboards_come_along(render: Render) -> None:
    maps = [one for one in of_kind(render("whole"), "ConfigMap") if "grafana_dashboard" in one["metadata"]["labels"]]
    found = {name: json.loads(text) for one in maps for name, text in one["data"].items()}
    ours = {
        path.name: json.loads(path.read_text("utf-8")) for path in (ROOT / "deploy/grafana/dashboards").glob("*.json")
    }
    assert found == ours


def test_the_charts_copies_are_up_to_date() -> None:
    assert chart_files.differences() == [], "copy them with: python -m deploy.chart_files"
    assert chart_files.main(["--check"]) == 0


def test_a_stale_copy_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from/a.yml").write_text("a", encoding="utf-8")
    monkeypatch.setattr(chart_files, "_COPIED", ((tmp_path / "from", tmp_path / "to"),))
    assert chart_files.main(["--check"]) == 1
    assert chart_files.main([]) == 0
    assert chart_files.main(["--check"]) == 0
    (tmp_path / "to/stray.yml").write_text("b", encoding="utf-8")
    assert chart_files.differences() == ["to/stray.yml"]


def test_the_chart_is_of_the_workers_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == __version__
