"""The import rule of the architecture, and what keeps files small and starts clean."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKERS = ROOT / "workers"

SHARED = {"errors", "model", "ports", "telemetry"}
MIDDLE = {"settings", "knowledge", "classify", "enrich", "formats"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "model": {"errors"},
    "ports": {"errors", "model"},
    "telemetry": {"errors", "model", "ports"},
    "settings": {"errors", "model", "ports"},
    "knowledge": SHARED,
    "classify": SHARED | {"knowledge"},
    "enrich": SHARED | {"settings"},
    "formats": SHARED | {"settings"},
    "tagger": SHARED | MIDDLE,
    "alerter": SHARED | MIDDLE,
    "adapters": SHARED | {"settings"},
    "embedded": {"errors"},
    "cli": SHARED | MIDDLE | {"tagger", "alerter", "adapters", "embedded", "cli"},
}
CLIENTS = {"kafka", "redis", "requests", "prometheus_client", "faust", "confluent_kafka", "urllib3"}
CLIENTS_OF = {
    "adapters": {"kafka", "redis", "requests", "urllib3", "prometheus_client"},
    "embedded": {"kafka"},
    "alerter": {"faust"},
}


def modules() -> list[Path]:
    return sorted(path for path in WORKERS.rglob("*.py"))


def layer_of(path: Path) -> str:
    relative = path.relative_to(WORKERS)
    return relative.parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def forbidden(path: Path) -> Iterator[str]:
    layer = layer_of(path)
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] in CLIENTS and parts[0] not in CLIENTS_OF.get(layer, set()):
            yield f"{name_of(path)} imports the client {name}"
        if parts[0] != "workers" or len(parts) == 1:
            continue
        if parts[1] != layer and parts[1] not in MAY_IMPORT[layer]:
            yield f"{name_of(path)} ({layer}) imports {name}"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_the_import_rule_holds(path: Path) -> None:
    if path == WORKERS / "__init__.py":
        return
    assert layer_of(path) in MAY_IMPORT, f"{path} belongs to no layer of the architecture"
    assert list(forbidden(path)) == []


def test_an_adapter_holds_one_client() -> None:
    for path in (WORKERS / "adapters").glob("*.py"):
        clients = {name.split(".")[0] for name in imports_of(path)} & CLIENTS
        assert len(clients - {"urllib3"}) <= 1, f"{path.name} holds {clients}"


def test_adapters_of_different_clients_do_not_import_one_another() -> None:
    for path in (WORKERS / "adapters").glob("*.py"):
        for name in imports_of(path):
            if name.startswith("workers.adapters."):
                family, other = path.stem.split("_")[0], name.split(".")[2].split("_")[0]
                assert family == other, f"{path.name} imports {name}"


def test_the_rule_would_be_noticed(tmp_path: Path) -> None:
    """The check itself can fail: a core module that imports a client is found."""
    probe = WORKERS / "formats" / "probe.py"
    real = Path.read_text
    text = "import kafka\nfrom workers.adapters import prometheus\n"
    try:
        Path.read_text = lambda self, *a, **k: text if self == probe else real(self, *a, **k)  # type: ignore[method-assign]
        assert len(list(forbidden(probe))) == 2
    finally:
        Path.read_text = real  # type: ignore[method-assign]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield f"{name_of(path)}.{node.name}", node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_files_and_functions_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    assert [f for f in functions(path) if f[1] > 60] == []


def test_the_median_function_is_short() -> None:
    sizes = sorted(size for path in modules() for _, size in functions(path))
    assert sizes[len(sizes) // 2] <= 8


def test_broad_excepts_stand_in_two_places_only() -> None:
    found = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"}
            ):
                found.append(name_of(path))
    assert sorted(found) == ["workers.cli.bootstrap", "workers.tagger.pipeline"]


def test_no_file_name_says_nothing() -> None:
    assert [p for p in modules() if p.stem in {"utils", "helpers", "misc", "common", "manager"}] == []


IMPORT_ALL = """
import builtins, importlib, os, socket, sys
def refuse(*a, **k): raise AssertionError("a socket at import")
socket.socket.connect = refuse
socket.socket.bind = refuse
class Env(dict):
    pass
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_importing_opens_nothing() -> None:
    names = [name_of(p) for p in modules() if p.name != "__main__.py"]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_nothing_unfinished_is_committed() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error", "for " + "now")
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for folder in ("workers", "config", "deploy", "benchmarks")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in {".py", ".toml", ".yml", ".md"}
        for word in words
        if word in path.read_text(encoding="utf-8")
    ]
    assert found == []
