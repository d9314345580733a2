"""`webhooks.toml` and `[alerter]`: what is refused, and how it is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workers.errors import ConfigError
from workers.settings import load_settings
from workers.settings.webhooks import load_webhook_settings

CONFIG = Path(__file__).resolve().parents[3] / "config"
ROW = '[[webhook]]\nname = "soc"\nkind = "slack"\nurl = "https://x.example/"\ntlp_ceiling = "GREEN"\n'


def load(folder: Path, text: str) -> object:
    (folder / "webhooks.toml").write_text(text, encoding="utf-8")
    return load_webhook_settings(folder)


def test_none_are_shipped_and_the_file_may_be_absent(tmp_path: Path) -> None:
    assert load_webhook_settings(CONFIG) == ()
    assert load_webhook_settings(tmp_path) == ()


def test_the_example_in_the_file_is_right(tmp_path: Path) -> None:
    text = (CONFIG / "webhooks.toml").read_text(encoding="utf-8")
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    example = "\n".join(lines[next(at for at, line in enumerate(lines) if line == "[[webhook]]") :])
    for name, content in (("soc-url", "https://soc.example/in?token=1"), ("soc-hmac", "hush")):
        (tmp_path / name).write_text(content)
    (tmp_path / "webhooks.toml").write_text(example.replace("/run/secrets", str(tmp_path)), encoding="utf-8")
    (row,) = load_webhook_settings(tmp_path)
    assert (row.name, row.address(), row.secret()) == ("soc", "https://soc.example/in?token=1", "hush")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (ROW + ROW, "webhook[1].name"),
        (ROW.replace('url = "https://x.example/"\n', ""), "webhook[0].url"),
        (ROW + 'url_file = "nowhere"\n', "webhook[0].url"),
        (ROW.replace("https", "http"), "webhook[0].url"),
        (ROW.replace("slack", "generic"), "webhook[0].secret_file"),
        (ROW + 'secret_file = "nowhere"\n', "webhook[0].secret_file"),
        (ROW + "timeout_ms = 90000\n", "webhook[0].timeout_ms"),
        (ROW.replace("GREEN", "PURPLE"), "webhook[0].tlp_ceiling"),
        (ROW + "colour = 1\n", "webhook[0].colour"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert caught.value.key == key


def test_a_secret_address_stands_in_no_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, ROW.replace("https://x.example/", "ftp://T0KEN/"))
    assert "T0KEN" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "key"),
    [
        ("GROUP", "shirase-tagger", "alerter.group"),
        ("ALERTS", "intel.tagged", "alerter"),
        ("WATCHDOG_S", "500", "alerter.watchdog_s"),
        ("STATE", "intel.alerts-suppressed-2", "topic.partitions"),
    ],
)
def test_an_alerter_that_cannot_work_is_refused(tmp_path: Path, variable: str, value: str, key: str) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path / "config", None, {f"SHIRASE_ALERTER__{variable}": value})
    assert caught.value.key == key
