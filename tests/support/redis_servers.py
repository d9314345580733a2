"""Fixtures that give tests a Redis-protocol server: Debian's redis-server, the embedded Valkey, or each in turn."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.requirement import require
from workers.embedded.cache_process import CacheProcess
from workers.embedded.valkey import EmbeddedValkey

__all__ = ["RedisServer", "any_redis", "find_redis", "redis_server", "valkey"]


def find_redis() -> str | None:
    """Say why redis-server cannot run here, or return None when it can."""
    return None if shutil.which("redis-server") else "no redis-server program found"


class RedisServer(CacheProcess):
    """The system's redis-server on a free port of 127.0.0.1 with a directory of its own."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(Path(shutil.which("redis-server") or "redis-server"), port)


@pytest.fixture
def valkey() -> Iterator[EmbeddedValkey]:
    """A fresh Valkey whose life is the test's own."""
    with EmbeddedValkey() as server:
        yield server


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A fresh redis-server whose life is the test's own."""
    require(find_redis())
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["valkey", pytest.param("redis_server", marks=pytest.mark.redis_server)])
def any_redis(request: pytest.FixtureRequest) -> CacheProcess:
    """Valkey and redis-server, one after the other, each fresh."""
    server = request.getfixturevalue(request.param)
    assert isinstance(server, CacheProcess)
    return server
