"""`shirase config check`: ok, or file, key, value and what was expected."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.cli_calls import CONFIG, Program


def test_the_shipped_configuration_is_ok() -> None:
    done = Program()("config", "check")
    assert done.out.startswith(f"ok: {CONFIG}: ")
    facts = Program()("config", "check", "--json").json()
    assert facts["ok"] is True
    assert facts["lookups"] == ["actor (knowledge)", "technique (knowledge)", "source (reliability-table)"]


def test_a_wrong_value_in_a_file_is_named(tmp_path: Path) -> None:
    over = tmp_path / "over.toml"
    over.write_text("[batch]\nmax_records = -1\n", encoding="utf-8")
    done = Program()("--config", over, "config", "check", code=78)
    for part in (str(over), "batch.max_records", "-1", "expected"):
        assert part in done.err
    assert len(done.err.splitlines()) == 1


def test_for_a_program_the_fault_is_json(tmp_path: Path) -> None:
    program = Program({"SHIRASE_KAFKA__COMPRESSION": "rar"})
    fault = program("config", "check", "--json", code=78).json()
    assert fault["ok"] is False
    assert "SHIRASE_KAFKA__COMPRESSION" in fault["key"] + fault["where"]
    assert fault["value"] == "rar"
    assert "lz4" in fault["expected"]


@pytest.mark.parametrize("content", ["", "\n", None])
def test_a_secret_that_cannot_be_used_is_named_and_not_shown(tmp_path: Path, content: str | None) -> None:
    secret = tmp_path / "password"
    if content is not None:
        secret.write_text(content, encoding="utf-8")
    done = Program({"SHIRASE_REDIS__PASSWORD_FILE": str(secret)})("config", "check", code=78)
    assert "redis.password_file" in done.err


def test_a_secret_is_never_printed(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2-very-secret\n", encoding="utf-8")
    done = Program({"SHIRASE_REDIS__PASSWORD_FILE": str(secret)})("config", "check", "--json")
    assert "hunter2" not in done.out + done.err


def test_the_folder_can_be_named_by_the_environment(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(CONFIG, copy)
    (copy / "routes.toml").write_text('[[route]]\nname = "X"\n', encoding="utf-8")
    done = Program()("--config-dir", copy, "config", "check", code=78)
    assert str(copy / "routes.toml") in done.err


def test_a_folder_without_settings_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "shirase.toml") in Program()("--config-dir", tmp_path, "config", "check", code=78).err
