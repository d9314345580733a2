"""Where the settings are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

import workers.cli.invocation as under_test
from workers.cli.invocation import Invocation, find_config_dir
from workers.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]


def test_the_named_folder_wins_even_where_it_is_wrong(tmp_path: Path) -> None:
    assert find_config_dir(tmp_path / "nowhere", ROOT) == tmp_path / "nowhere"


def test_then_the_folder_config_here_if_it_holds_settings(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    assert find_config_dir(None, tmp_path) == ROOT / "config"
    (tmp_path / "config" / "shirase.toml").touch()
    assert find_config_dir(None, tmp_path) == tmp_path / "config"


def test_then_the_copy_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "_PACKAGE", tmp_path / "site-packages" / "workers")
    assert find_config_dir(None, tmp_path) == tmp_path / "site-packages" / "workers" / "_config"


def test_another_process_is_given_the_same_settings(tmp_path: Path) -> None:
    over = tmp_path / "over.toml"
    call = Invocation(config_dir=tmp_path, over=over, environment={})
    assert call.arguments() == ["--config-dir", str(tmp_path), "--config", str(over)]
    assert Invocation(config_dir=tmp_path, over=None, environment={}).arguments() == ["--config-dir", str(tmp_path)]


def test_a_folder_without_settings_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"shirase\.toml"):
        Invocation(config_dir=tmp_path, over=None, environment={}).settings()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HOME": "/home/me"}, Path("/home/me/.cache/shirase")),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "/cache"}, Path("/cache/shirase")),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "relative"}, Path("/home/me/.cache/shirase")),
        ({"HOME": "/home/me", "SHIRASE_KNOWLEDGE__CACHE_DIR": "/own"}, Path("/own")),
        ({}, None),
    ],
)
def test_the_compiled_knowledge_is_kept_with_the_user(environment: dict[str, str], expected: Path | None) -> None:
    settings = Invocation(config_dir=ROOT / "config", over=None, environment=environment).settings()
    assert settings.knowledge.cache_dir == expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HOME": "/home/me"}, Path("/home/me/.local/share/shirase")),
        ({"HOME": "/home/me", "XDG_DATA_HOME": "/data"}, Path("/data/shirase")),
        ({"HOME": "/home/me", "SHIRASE_KNOWLEDGE__DATA_DIR": "/own"}, Path("/own")),
        ({}, None),
    ],
)
def test_galaxies_are_kept_with_the_user(environment: dict[str, str], expected: Path | None) -> None:
    settings = Invocation(config_dir=ROOT / "config", over=None, environment=environment).settings()
    assert settings.knowledge.data_dir == expected
