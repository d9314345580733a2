"""From `lookups.toml` to an enricher: what is refused, and what comes of the shipped rows."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.lookups import FakeClock, RecordingTelemetry, request_for, statuses
from tests.support.maxmind_file import write_database
from workers.cli.wiring_lookups import build_enricher
from workers.enrich import CachedEnricher, Enricher, LookupRequest, NullEnricher
from workers.enrich.shared_cache import NoSharedCache, SharedCache
from workers.errors import ConfigError
from workers.model import Analysis, Indicator, RawItem, Source, Tlp
from workers.settings import Settings, load_settings

CONFIG = Path(__file__).resolve().parents[3] / "config"
SHIPPED = (CONFIG / "lookups.toml").read_text(encoding="utf-8").count("\n[[lookup]]\n")
EPSS = """
[[lookup]]
kind = "cve"
provider = "first-epss"
enabled = true
internal = false
endpoint = "https://api.example/epss"
parameter = "cve"
rows = "/data"
key = "/cve"
answers = { epss = "/epss" }
numbers = ["epss"]
batch = 100
deadline_ms = 400
timeout_ms = 5000
soft_ttl_s = 10
hard_ttl_s = 20
negative_ttl_s = 5
tlp_ceiling = "GREEN"
"""
ACTOR = SimpleNamespace(
    name="APT1",
    aliases=(),
    attack_id="G0006",
    country="CN",
    kind="state",
    targets=("Japan",),
    sectors=("Defense",),
    tools=("PlugX",),
    refs=("https://example.org/apt1",),
)
KNOWLEDGE: Any = SimpleNamespace(actors={"u1": ACTOR}, techniques={})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(CONFIG, tmp_path / "config")
    return tmp_path / "config"


def loaded(folder: Path, lookups: str | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    if lookups is not None:
        (folder / "lookups.toml").write_text(lookups, encoding="utf-8")
    return load_settings(folder, None, environment or {})


def built(settings: Settings) -> Enricher:
    return build_enricher(settings, KNOWLEDGE, RecordingTelemetry(), FakeClock())


def test_the_shipped_rows_ask_the_knowledge_and_nobody_else(folder: Path) -> None:
    enricher = built(loaded(folder))
    assert isinstance(enricher, CachedEnricher)
    (lookups,) = enricher.look_up([request_for("CVE-1", actors=["u1", "u2"], tlp=Tlp.RED)])
    assert statuses(lookups) == [("u1", "found"), ("u2", "not_found")]
    assert lookups[0].source == "knowledge"
    assert lookups[0].value is not None
    assert lookups[0].value["attack_url"] == "https://attack.mitre.org/groups/G0006/"
    assert isinstance(enricher._tools.shared, NoSharedCache)
    enricher.close()


def test_switched_on_the_shipped_epss_row_is_whole(folder: Path) -> None:
    text = (folder / "lookups.toml").read_text(encoding="utf-8").replace("enabled = false", "enabled = true", 1)
    settings = loaded(folder, text, {"SHIRASE_REDIS__URL": "redis://127.0.0.1:1/0"})
    enricher = built(settings)
    assert isinstance(enricher, CachedEnricher)
    assert isinstance(enricher._tools.shared, SharedCache)
    assert statuses(enricher.look_up([request_for("CVE-1", tlp=None)])[0]) == [("CVE-1", "withheld")]
    enricher.close()


def test_no_rows_or_the_stage_off_is_no_enricher(folder: Path) -> None:
    assert isinstance(built(loaded(folder, "")), NullEnricher)
    off = loaded(folder, EPSS, {"SHIRASE_STAGES__LOOK_UP": "false"})
    assert isinstance(built(off), NullEnricher)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('kind = "cve"', 'kind = "weather"', r"lookup\[0\]\.kind"),
        ('endpoint = "https://api.example/epss"\nparameter = "cve"\n', "", r"lookup\[0\]\.endpoint"),
        ('endpoint = "https', 'endpoint = "http', r"lookup\[0\]\.endpoint"),
        ('parameter = "cve"\n', "", r"lookup\[0\]\.parameter"),
        ("api.example/epss", "api.example/{key}", r"lookup\[0\]\.parameter"),
        ('key = "/cve"\n', "", r"lookup\[0\]\.key"),
        ('rows = "/data"', 'rows = "data"', r"lookup\[0\]\.rows"),
        ('epss = "/epss"', 'epss = "/~2"', r"lookup\[0\]\.answers"),
        ('numbers = ["epss"]', 'numbers = ["other"]', r"lookup\[0\]\.numbers"),
        ("answers = { epss", "answers = {} # ", r"lookup\[0\]\.(answers|numbers)"),
        ("batch = 100", "batch = 100\nnot_found_statuses = [404]", r"lookup\[0\]\.not_found_statuses"),
        ("batch = 100", "batch = 1\nnot_found_statuses = [429]", r"lookup\[0\]\.not_found_statuses"),
        ("timeout_ms = 5000", "timeout_ms = 10000", r"lookup\[0\]\.timeout_ms"),
        ("hard_ttl_s = 20", "hard_ttl_s = 9", r"lookup\[0\]\.hard_ttl_s"),
        ('numbers = ["epss"]', 'lists = ["other"]', r"lookup\[0\]\.lists"),
        ("batch = 100", 'batch = 100\nstate = "/status"', r"lookup\[0\]\.state_found"),
        ("batch = 100", 'batch = 100\nmethod = "POST"\nattempts = 2', r"lookup\[0\]\.attempts"),
        ("batch = 100", 'batch = 100\nfile = "a.toml"', r"lookup\[0\]\.file"),
        ("batch = 100", "batch = 100\ncatalogue = true", r"lookup\[0\]\.parameter"),
        ('kind = "cve"', 'kind = "indicator"', r"lookup\[0\]\.types"),
        ("batch = 100", "batch = 100\nrate_calls = 0", r"lookup\[0\]\.rate_calls"),
        ("https://api.example/epss", "ftp://api.example/epss", r"lookup\[0\]\.endpoint"),
        ('endpoint = "https://api.example/epss"\nparameter = "cve"', "catalogue = true", r"lookup\[0\]\.endpoint"),
        ('parameter = "cve"\nrows = "/data"\nkey = "/cve"', "catalogue = true", r"lookup\[0\]\.key"),
        ('parameter = "cve"', "catalogue = true\ncomplete_late = true", r"lookup\[0\]\.complete_late"),
        ("batch = 100", 'batch = 100\nsecond_to = { nobody = ["epss"] }', r"lookup\[0\]\.second_to"),
        ("batch = 100", 'batch = 100\nsecond_to = { first-epss = ["epss"] }', r"lookup\[0\]\.second_to"),
    ],
)
def test_rows_that_cannot_be_meant_are_refused(folder: Path, old: str, new: str, key: str) -> None:
    assert old in EPSS
    with pytest.raises(ConfigError, match=key):
        built(loaded(folder, EPSS.replace(old, new)))


SECOND = EPSS.replace("first-epss", "other").replace(
    "batch = 100", 'batch = 100\nsecond_to = { first-epss = ["epss"] }'
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('["epss"] }', '["percentile"] }'),
        ('["epss"] }', "[] }"),
        ('["epss"] }', '["epss"], third = ["epss"] }'),
        ('tlp_ceiling = "GREEN"', 'tlp_ceiling = "AMBER"'),
        ("internal = false", "internal = true"),
        ('kind = "cve"', 'kind = "technique"'),
    ],
)
def test_a_second_source_must_fit_its_first(folder: Path, old: str, new: str) -> None:
    built(loaded(folder, EPSS + SECOND)).close()
    assert old in SECOND
    with pytest.raises(ConfigError, match=r"lookup\[1\]\.second_to"):
        loaded(folder, EPSS + SECOND.replace(old, new))


def test_where_the_first_source_is_off_the_second_is_asked_about_everything(folder: Path) -> None:
    enricher = built(loaded(folder, EPSS.replace("enabled = true", "enabled = false") + SECOND))
    assert isinstance(enricher, CachedEnricher)
    assert not enricher._seconds
    enricher.close()


def test_the_path_form_wants_one_key_a_call_by_get(folder: Path) -> None:
    text = EPSS.replace("api.example/epss", "api.example/{key}").replace('parameter = "cve"\n', "")
    with pytest.raises(ConfigError, match=r"lookup\[0\]\.batch"):
        loaded(folder, text)
    with pytest.raises(ConfigError, match=r"lookup\[0\]\.method"):
        loaded(folder, text.replace("batch = 100", 'batch = 1\nmethod = "POST"'))
    enricher = built(loaded(folder, text.replace("batch = 100", "batch = 1")))
    enricher.close()


def test_key_files_become_headers_and_stay_out_of_sight(folder: Path) -> None:
    (folder / "key").write_text("s3cret\n", encoding="utf-8")
    enricher = built(loaded(folder, EPSS + 'key_file = "key"\nkey_header = "X-Key"\n'))
    assert isinstance(enricher, CachedEnricher)
    provider: Any = enricher._rows[0].provider
    assert provider._caller.session.headers["X-Key"] == "s3cret"
    assert "s3cret" not in repr(enricher._rows)
    enricher.close()
    with pytest.raises(ConfigError, match="key_file"):
        loaded(folder, EPSS + 'key_file = "nowhere"\n')


def test_redis_password_comes_from_its_file(folder: Path) -> None:
    (folder / "password").write_text("s3cret\n", encoding="utf-8")
    environment = {"SHIRASE_REDIS__URL": "rediss://cache.example/0", "SHIRASE_REDIS__PASSWORD_FILE": "password"}
    enricher = built(loaded(folder, EPSS, environment))
    assert isinstance(enricher, CachedEnricher)
    shared: Any = enricher._tools.shared
    assert shared._store._client.connection_pool.connection_kwargs["password"] == "s3cret"
    enricher.close()


def test_a_local_file_must_be_there_and_of_a_kind_that_can_be_read(folder: Path) -> None:
    row = EPSS.replace('endpoint = "https://api.example/epss"\nparameter = "cve"\n', 'file = "{file}"\n')
    with pytest.raises(ConfigError, match=r"lookup\[0\]\.file"):
        loaded(folder, row.replace("{file}", "nowhere.mmdb"))
    (folder / "x.csv").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"\.mmdb or \.toml"):
        loaded(folder, row.replace("{file}", "x.csv"))
    (folder / "x.mmdb").write_text("no database", encoding="utf-8")
    with pytest.raises(ConfigError, match="MaxMind"):
        built(loaded(folder, row.replace("{file}", "x.mmdb")))


def test_the_shipped_table_of_sources_answers_for_subdomains_and_is_whole(folder: Path) -> None:
    rows = tomllib.loads((folder / "sources.toml").read_text(encoding="utf-8"))["source"]
    assert all(set(row) == {"domain", "name", "reliability", "reason"} for row in rows)
    assert {row["reliability"] for row in rows} <= set("ABCDEF")
    enricher = built(loaded(folder))
    item = RawItem(title="t", source=Source(name="CISA", url="https://www.cisa.gov/news"))
    other = RawItem(title="t", url="https://blog.nobody.example/1")
    found, missing = enricher.look_up(
        [LookupRequest(analysis=Analysis(), item=one, tlp=Tlp.RED) for one in (item, other)]
    )
    assert [(one.key, one.value["reliability"]) for one in found if one.value] == [("cisa.gov", "A")]
    assert statuses(missing) == [("blog.nobody.example", "not_found")]
    enricher.close()


def test_rows_that_are_off_build_nothing(folder: Path) -> None:
    enricher = built(loaded(folder))
    assert isinstance(enricher, CachedEnricher)
    assert [row.settings.provider for row in enricher._rows] == ["knowledge", "knowledge", "reliability-table"]
    assert enricher._fetchers == {}


@pytest.mark.parametrize("at", range(SHIPPED))
def test_every_shipped_row_can_be_switched_on(folder: Path, at: int) -> None:
    """Each as an operator would: a file named where it wants one, and enabled."""
    write_database(folder / "asn.mmdb", {"192.0.2.0/24": {"autonomous_system_number": 64496}})
    head, *rows = (folder / "lookups.toml").read_text(encoding="utf-8").split("[[lookup]]\n")
    rows = [row.replace("enabled = true", "enabled = false") for row in rows]
    rows[at] = re.sub(r'# file = ".*"', 'file = "asn.mmdb"', rows[at].replace("enabled = false", "enabled = true"))
    enricher = built(loaded(folder, "[[lookup]]\n".join((head, *rows))))
    assert isinstance(enricher, CachedEnricher)
    assert [f'provider = "{row.settings.provider}"\n' in rows[at] for row in enricher._rows] == [True]
    enricher.close()


def test_the_asn_rows_ask_a_local_file(folder: Path) -> None:
    write_database(
        folder / "asn.mmdb",
        {"192.0.2.0/24": {"autonomous_system_number": 64496, "autonomous_system_organization": "Example Net"}},
    )
    head, *rows = (folder / "lookups.toml").read_text(encoding="utf-8").split("[[lookup]]\n")
    (row,) = [row for row in rows if "maxmind-asn" in row]
    text = re.sub(r'# file = ".*"', 'file = "asn.mmdb"', row.replace("enabled = false", "enabled = true"))
    enricher = built(loaded(folder, head + "[[lookup]]\n" + text))
    indicators = [
        Indicator(type="ipv4-addr", value="192.0.2.7", as_written="192.0.2.7"),
        Indicator(type="ipv4-addr", value="198.51.100.1", as_written="198.51.100.1"),
        Indicator(type="domain-name", value="evil.example", as_written="evil.example"),
    ]
    request = LookupRequest(analysis=Analysis(indicators=indicators), item=RawItem(title="t"), tlp=None)
    ((known, unknown),) = enricher.look_up([request])
    assert known.value == {"asn": 64496, "organisation": "Example Net"}
    assert (known.source, unknown.status.value) == ("maxmind-asn", "not_found")
    enricher.close()
