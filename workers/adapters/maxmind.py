"""A lookup provider that is a local file in MaxMind's format, asked for addresses (maxminddb). No network.

The format: https://maxmind.github.io/MaxMind-DB/ . Where values stand depends on the file: in GeoLite2-ASN
`autonomous_system_number` and `autonomous_system_organization`, in GeoLite2-Country `country` / `iso_code`
(https://dev.maxmind.com/geoip/docs/databases/ ). The row's `answers` say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import maxminddb

from workers.errors import ConfigError
from workers.ports import ProviderAnswer
from workers.settings import EntryReader, LookupSettings

__all__ = ["MaxmindProvider"]


class MaxmindProvider:
    """See `workers.ports.LookupProvider`. Answers at once; for several threads."""

    def __init__(self, row: LookupSettings) -> None:
        """Opens the row's file, which must be named. Raises ConfigError where it is of another format."""
        self._name = row.provider
        self._entry = EntryReader(row)
        try:
            self._reader = maxminddb.open_database(str(row.file))
        except (OSError, maxminddb.InvalidDatabaseError) as error:
            expected = f"a readable file in MaxMind's format ({type(error).__name__})"
            raise ConfigError("lookups.toml", "lookup.file", str(row.file), expected) from error

    @property
    def name(self) -> str:
        """See the port."""
        return self._name

    @property
    def built_at(self) -> str:
        """The day on which the file was made, as the file says."""
        return datetime.fromtimestamp(self._reader.metadata().build_epoch, UTC).date().isoformat()

    def fetch(self, keys: Sequence[str], timeout_s: float) -> Mapping[str, ProviderAnswer]:  # noqa: ARG002 - the port
        """See the port. What is no address, or none that the file covers, is "nothing known"."""
        return {key: ProviderAnswer(value=self._value(key)) for key in keys}

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def _value(self, address: str) -> dict[str, object] | None:
        try:
            record = self._reader.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError):
            return None
        return self._entry.value(record) if isinstance(record, dict) else None
