"""Settings: files, environment, and errors that name file, key, value and what was expected."""

import shutil
from pathlib import Path

import pytest

from workers.errors import ConfigError
from workers.settings import Settings, load_settings, read_secret

CONFIG = Path(__file__).resolve().parents[3] / "config"


def load(tmp_path: Path, over: str = "", environment: dict[str, str] | None = None) -> Settings:
    file = tmp_path / "over.toml"
    file.write_text(over, encoding="utf-8")
    return load_settings(CONFIG, file, environment or {})


def fault(tmp_path: Path, over: str = "", environment: dict[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, over, environment)
    return caught.value


def test_the_shipped_files_are_right() -> None:
    settings = load_settings(CONFIG, None, {})
    assert settings.tagger.guarantee == "exactly-once"
    assert {topic.name for topic in settings.topics} >= {
        settings.tagger.output,
        settings.tagger.dead_letter,
        *settings.tagger.sources,
    }


def test_every_route_has_a_declared_topic() -> None:
    settings = load_settings(CONFIG, None, {})
    declared = {topic.name for topic in settings.topics}
    assert {route.topic or f"{settings.tagger.output}.{route.name}" for route in settings.routes} <= declared


def test_a_file_lies_over_and_the_environment_over_both(tmp_path: Path) -> None:
    settings = load(
        tmp_path, "[batch]\nmax_records = 10\nmax_wait_ms = 7\n", {"SHIRASE_BATCH__MAX_RECORDS": "20", "HOME": "/x"}
    )
    assert (settings.batch.max_records, settings.batch.max_wait_ms) == (20, 7)


@pytest.mark.parametrize(
    ("variable", "text", "read"),
    [
        ("SHIRASE_STAGES__READ", "false", lambda s: s.stages.read is False),
        ("SHIRASE_TAGGER__SOURCES", '["a", "b"]', lambda s: s.tagger.sources == ["a", "b"]),
        ("SHIRASE_TAGGER__GRACE_S", "1.5", lambda s: s.tagger.grace_s == 1.5),
        ("SHIRASE_REDIS__URL", "redis://h:1/0", lambda s: s.redis.url == "redis://h:1/0"),
        ("SHIRASE_KNOWLEDGE__CACHE_DIR", "/var/x", lambda s: s.knowledge.cache_dir == Path("/var/x")),
    ],
)
def test_the_environment_sets_any_kind_of_value(tmp_path: Path, variable: str, text: str, read: object) -> None:
    assert callable(read)
    assert read(load(tmp_path, "", {variable: text}))


def test_a_wrong_value_names_its_place(tmp_path: Path) -> None:
    error = fault(tmp_path, "[batch]\nmax_records = 0\n")
    assert (error.where, error.key, error.value) == (str(tmp_path / "over.toml"), "batch.max_records", 0)
    assert ">= 1" in error.expected


def test_a_wrong_environment_variable_names_itself(tmp_path: Path) -> None:
    error = fault(tmp_path, "", {"SHIRASE_BATCH__MAX_RECORDS": "many"})
    assert (error.where, error.key, error.value) == ("environment", "SHIRASE_BATCH__MAX_RECORDS", "many")


@pytest.mark.parametrize(
    ("over", "key"),
    [
        ("[batch]\nmax_record = 1\n", "batch.max_record"),
        ("[batches]\nmax_records = 1\n", "batches"),
        ('[kafka]\nsecurity_protocol = "SASL_SSL"\n', "kafka.sasl_mechanism"),
        ('[kafka]\nsasl_username = "u"\n', "kafka.sasl_username"),
        ('[kafka]\nssl_certificate_file = "/c"\n', "kafka.ssl_key_file"),
        ("[kafka]\nheartbeat_interval_ms = 14000\n", "kafka.heartbeat_interval_ms"),
        ("[kafka]\nmax_request_bytes = 1000\n", "kafka.max_request_bytes"),
        ("[tagger]\nwatchdog_s = 1000.0\n", "tagger.watchdog_s"),
        ('[tagger]\noutput = "intel.raw.news"\n', "tagger.sources"),
        ('[redis]\nurl = "redis://u:secret@h/0"\n', "redis.url"),
        ('[redis]\npassword_file = "/not/there"\n', "redis.password_file"),
        ("[supervisor]\nbackoff_max_s = 0.1\n", "supervisor.backoff_max_s"),
        ("batch = 3\n", "batch"),
    ],
)
def test_each_fault_names_its_key(tmp_path: Path, over: str, key: str) -> None:
    error = fault(tmp_path, over)
    assert error.key == key
    assert "secret" not in str(error)


def test_a_typing_slip_is_met_with_a_suggestion(tmp_path: Path) -> None:
    assert "did you mean max_records?" in fault(tmp_path, "[batch]\nmax_record = 1\n").expected
    assert "did you mean max_records?" in fault(tmp_path, "", {"SHIRASE_BATCH__MAX_RECORD": "1"}).expected


def test_broken_toml_and_missing_files_are_named(tmp_path: Path) -> None:
    assert "readable TOML" in fault(tmp_path, "[batch\n").expected
    with pytest.raises(ConfigError, match=r"shirase\.toml"):
        load_settings(tmp_path / "none", None, {})


@pytest.mark.parametrize(
    ("file", "row", "key"),
    [
        ("topics.toml", '[[topic]]\nname = "a b"\npartitions = 1\nreplication = 1\nconfigs = {}\n', "topic[0].name"),
        ("routes.toml", '[[route]]\nname = "x"\n[[route]]\nname = "x"\n', "route.name"),
        ("routes.toml", '[[route]]\nname = "x"\ncolour = ["red"]\n', "route[0].colour"),
        ("routes.toml", 'name = "x"\n', "name"),
    ],
)
def test_tables_are_checked_too(tmp_path: Path, file: str, row: str, key: str) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    (tmp_path / "config" / file).write_text(row, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path / "config", None, {})
    assert caught.value.key == key


def test_a_missing_key_is_an_error(tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    file = tmp_path / "config" / "shirase.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("max_records = 2000", ""), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"batch\.max_records = None: expected a value"):
        load_settings(tmp_path / "config", None, {})


def test_relative_paths_start_at_the_configuration(tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    (tmp_path / "config" / "secret").write_text("hunter2\n", encoding="utf-8")
    settings = load_settings(tmp_path / "config", None, {"SHIRASE_REDIS__PASSWORD_FILE": "secret"})
    assert settings.redis.password_file == tmp_path / "config" / "secret"
    assert read_secret(settings.redis.password_file, "redis.password_file") == "hunter2"


def test_a_secret_is_one_line_and_never_shown(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="first line is the secret"):
        read_secret(empty, "k")
    with pytest.raises(ConfigError, match="FileNotFoundError"):
        read_secret(tmp_path / "none", "k")


def test_the_production_file_only_lacks_its_secrets() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(CONFIG, CONFIG / "production.toml", {})
    assert caught.value.key == "kafka.sasl_password_file"
    assert caught.value.expected == "a file that exists"
