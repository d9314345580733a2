"""Every API of the embedded broker in every version it advertises: asked over a socket, its answer can be decoded."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from kafka.protocol.api_header import ResponseClassRegistry
from kafka.protocol.api_key import ApiKey
from kafka.record.default_records import DefaultRecordBatchBuilder

from workers.embedded.apis import API_VERSIONS_KEY, APIS
from workers.embedded.broker import EmbeddedBroker
from workers.embedded.codes import Code

CASES = [(key, version) for key, api in sorted(APIS.items()) for version in range(api.least, api.greatest + 1)]
WELL_KNOWN: dict[str, Any] = {
    "records": b"",
    "partition_max_bytes": 1 << 20,
    "max_bytes": 1 << 20,
    "replication_factor": 1,
    "num_partitions": 2,
    "acks": -1,
    "transaction_timeout_ms": 1000,
    "session_timeout_ms": 1000,
    "rebalance_timeout_ms": 1000,
    "assignments": [],
    "count": 5,
    "resource_type": 2,
}


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        running.create_topic("t", 2)
        yield running


def batch() -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1 << 16)
    builder.append(0, 1000, b"k", b"v", [])
    return bytes(builder.build())


def filled(fields: Any, version: int) -> dict[str, Any]:
    """One value for every field of a request, one element for every list."""
    values: dict[str, Any] = {}
    for field in fields:
        if not field.for_version_q(version):
            continue
        if field.is_struct_array() and field.name not in WELL_KNOWN:
            inner = filled(field.fields.values(), version)
            values[field.name] = [field.data_class(version=version, **inner)]
        elif field.name == "records":
            values[field.name] = batch()
        elif field.name in WELL_KNOWN:
            values[field.name] = WELL_KNOWN[field.name]
        elif field.is_array():
            values[field.name] = [0 if field.array_of.default == 0 else "t"]
        else:
            values[field.name] = {str: "t", bytes: b"b", type(None): "t"}.get(type(field.default), field.default)
    return values


def ask(broker: EmbeddedBroker, key: int, version: int) -> Any:
    request = APIS[key].request(version=version, **filled(APIS[key].request._struct.fields.values(), version))
    request.with_header(correlation_id=77, client_id="wire")
    host, port = broker.bootstrap.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as asking, asking.makefile("rb") as answers:
        asking.sendall(request.encode(header=True, framed=True))
        size = answers.read(4)
        assert len(size) == 4, "the broker closed the connection"
        body = answers.read(int.from_bytes(size))
    response = ResponseClassRegistry.get_response_class(request.header).decode(body, header=True)
    assert response.header.correlation_id == 77
    return response


@pytest.mark.parametrize(("key", "version"), CASES)
def test_it_answers(broker: EmbeddedBroker, key: int, version: int) -> None:
    ask(broker, key, version)


@pytest.mark.parametrize("key", sorted(APIS))
def test_a_forced_error_reaches_the_answer(broker: EmbeddedBroker, key: int) -> None:
    broker.faults.push_errors(key, [Code.INVALID_REQUEST])
    if key == API_VERSIONS_KEY:
        return_code = ask(broker, key, 0).error_code
        assert return_code == Code.INVALID_REQUEST
        return
    assert f"error_code={int(Code.INVALID_REQUEST)}" in repr(ask(broker, key, APIS[key].greatest))


def test_an_unknown_version_of_api_versions_is_answered_in_version_0(broker: EmbeddedBroker) -> None:
    host, port = broker.bootstrap.split(":")
    header = struct.pack(">hhih", API_VERSIONS_KEY, 99, 5, -1)
    with socket.create_connection((host, int(port)), timeout=10) as asking, asking.makefile("rb") as answers:
        asking.sendall(struct.pack(">i", len(header)) + header)
        body = answers.read(int.from_bytes(answers.read(4)))
    correlation_id, code = struct.unpack_from(">ih", body)
    assert (correlation_id, code) == (5, Code.UNSUPPORTED_VERSION)
    assert struct.unpack_from(">i", body, 6)[0] == len(APIS)


def test_an_unacknowledged_produce_gets_no_answer(broker: EmbeddedBroker) -> None:
    values = filled(APIS[ApiKey.Produce].request._struct.fields.values(), 7) | {"acks": 0, "transactional_id": None}
    request = APIS[ApiKey.Produce].request(version=7, **values)
    request.with_header(correlation_id=1)
    host, port = broker.bootstrap.split(":")
    with socket.create_connection((host, int(port)), timeout=0.3) as asking:
        asking.sendall(request.encode(header=True, framed=True))
        with pytest.raises(TimeoutError):
            asking.recv(1)
