"""What our clients are built with: logins passed on, dangerous defaults overridden, secrets nowhere else."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.partitioner.default import murmur2 as reference_murmur2

from tests.unit.tagger.fakes import settings
from workers.adapters import kafka_clients
from workers.adapters.kafka_clients import (
    admin_options,
    connection_options,
    consumer_options,
    producer_options,
    quieten_kafka_loggers,
)
from workers.adapters.kafka_partitioner import KeyPartitioner, murmur2
from workers.errors import ConfigError, DependencyError, FatalError
from workers.settings import KafkaSettings

PLAIN = settings().kafka


@pytest.fixture
def sasl(tmp_path: Path) -> KafkaSettings:
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    return replace(
        PLAIN,
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="shirase",
        sasl_password_file=secret,
        ssl_ca_file=tmp_path / "ca.pem",
        ssl_certificate_file=tmp_path / "client.pem",
        ssl_key_file=tmp_path / "client.key",
    )


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_sasl_and_tls_are_passed_on_to_every_client(sasl: KafkaSettings, mechanism: str, tmp_path: Path) -> None:
    kafka = replace(sasl, sasl_mechanism=mechanism)  # type: ignore[arg-type]
    for options in (
        admin_options(kafka),
        consumer_options(kafka, group="g"),
        producer_options(kafka, transactional_id="t"),
    ):
        assert options["security_protocol"] == "SASL_SSL"
        assert options["sasl_mechanism"] == mechanism
        assert options["sasl_plain_username"] == "shirase"
        assert options["sasl_plain_password"] == "s3cret"
        assert options["ssl_check_hostname"] is True
        assert options["ssl_cafile"] == str(tmp_path / "ca.pem")
        assert options["ssl_certfile"] == str(tmp_path / "client.pem")
        assert options["ssl_keyfile"] == str(tmp_path / "client.key")


def test_tls_without_sasl_has_no_login(sasl: KafkaSettings) -> None:
    kafka = replace(sasl, security_protocol="SSL")
    options = connection_options(kafka)
    assert options["ssl_cafile"]
    assert not any(key.startswith("sasl") for key in options)


def test_sasl_without_tls_has_no_certificates(sasl: KafkaSettings) -> None:
    options = connection_options(replace(sasl, security_protocol="SASL_PLAINTEXT"))
    assert options["sasl_plain_password"] == "s3cret"
    assert not any(key.startswith("ssl") for key in options)


def test_a_password_file_that_is_gone_is_a_configuration_error(sasl: KafkaSettings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sasl_password_file"):
        connection_options(replace(sasl, sasl_password_file=tmp_path / "gone"))


def test_the_password_stands_in_no_repr_of_the_settings(sasl: KafkaSettings) -> None:
    assert "s3cret" not in repr(sasl)


def test_dangerous_defaults_are_overridden() -> None:
    consumer = consumer_options(PLAIN, group="g")
    assert consumer["enable_auto_commit"] is False
    assert consumer["auto_offset_reset"] == "none"
    assert consumer["isolation_level"] == "read_committed"
    assert consumer["allow_auto_create_topics"] is False
    producer = producer_options(PLAIN, transactional_id="t")
    assert producer["acks"] == "all"
    assert producer["enable_idempotence"] is True
    assert producer["allow_auto_create_topics"] is False
    assert producer["transactional_id"] == "t"
    assert producer["max_block_ms"] <= PLAIN.request_timeout_ms
    assert producer["max_request_size"] == PLAIN.max_request_bytes
    assert "transactional_id" not in producer_options(PLAIN, transactional_id=None)
    for options in (consumer, producer):
        assert options["reconnect_backoff_max_ms"] <= 1_000


def test_every_option_is_one_that_the_client_knows() -> None:
    assert consumer_options(PLAIN, group="g").keys() <= KafkaConsumer.DEFAULT_CONFIG.keys()
    assert producer_options(PLAIN, transactional_id="t").keys() <= KafkaProducer.DEFAULT_CONFIG.keys()
    assert admin_options(PLAIN).keys() <= KafkaAdminClient.DEFAULT_CONFIG.keys()


def test_the_servers_are_a_list_and_no_compression_is_none() -> None:
    kafka = replace(PLAIN, bootstrap_servers="a:1, b:2", compression="none")
    assert connection_options(kafka)["bootstrap_servers"] == ["a:1", "b:2"]
    assert producer_options(kafka, transactional_id=None)["compression_type"] is None


def test_kafka_python_never_logs_below_warning() -> None:
    logger = logging.getLogger("kafka")
    before = logger.level
    try:
        logger.setLevel(logging.DEBUG)
        quieten_kafka_loggers()
        assert not logging.getLogger("kafka.net.connection").isEnabledFor(logging.INFO)
        assert not logging.getLogger("kafka.protocol.parser").isEnabledFor(logging.DEBUG)
    finally:
        logger.setLevel(before)


def test_a_broker_that_does_not_answer_is_a_dependency_error() -> None:
    kafka = replace(PLAIN, bootstrap_servers="127.0.0.1:1")
    options = admin_options(kafka) | {"bootstrap_timeout_ms": 300}
    with pytest.raises(DependencyError):
        kafka_clients.build_admin(options)


def test_an_option_that_the_client_refuses_is_fatal() -> None:
    with pytest.raises(FatalError):
        kafka_clients.build_consumer({"no_such_option": 1})


class _Cluster:
    def __init__(self, numbers: set[int]) -> None:
        self._numbers = numbers

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return self._numbers if topic == "known" else None


def test_keys_go_where_every_kafka_client_sends_them() -> None:
    for length in range(70):
        data = bytes(range(length))
        assert murmur2(data) == reference_murmur2(data)


def test_records_without_a_key_go_round_and_unknown_topics_are_refused() -> None:
    partitioner, cluster = KeyPartitioner(), _Cluster({0, 1, 2})
    seen = {partitioner.partition("known", None, None, b"", b"", cluster) for _ in range(400)}
    assert seen == {0, 1, 2}
    with pytest.raises(ValueError, match="not known"):
        partitioner.partition("other", None, b"k", b"", b"", cluster)
    assert partitioner.partition("known", None, b"k", b"", b"", _Cluster({5, 7})) in {5, 7}
