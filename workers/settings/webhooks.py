"""`webhooks.toml`, one `[[webhook]]` each: where alerts go besides their topic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from workers.errors import ConfigError
from workers.settings.bounds import Milliseconds, Name, PositiveInt
from workers.settings.load import read_secret, read_table
from workers.settings.schema import TlpName

__all__ = ["SeverityName", "WebhookSettings", "load_webhook_settings"]

SeverityName = Literal["low", "medium", "high", "critical"]


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookSettings:
    """One sink. `internal`: private addresses and plain http are allowed."""

    name: Name
    kind: Literal["generic", "slack", "teams"]
    url: str | None = None
    url_file: Path | None = None
    secret_file: Path | None = None
    internal: bool = False
    tlp_ceiling: TlpName
    minimum_severity: SeverityName = "low"
    timeout_ms: Milliseconds = 5000
    deadline_ms: Milliseconds = 60000
    max_age_s: PositiveInt = 86400

    def address(self) -> str:
        """The address, from its file where it is a secret. Raises ConfigError."""
        if self.url_file is not None:
            return read_secret(self.url_file, "webhook.url_file")
        return self.url or ""

    def secret(self) -> str | None:
        """The key of the signature. Raises ConfigError."""
        return None if self.secret_file is None else read_secret(self.secret_file, "webhook.secret_file")


def load_webhook_settings(config_dir: Path) -> tuple[WebhookSettings, ...]:
    """The sinks of `config_dir`/webhooks.toml; none where there is no such file.

    Raises ConfigError.
    """
    file = config_dir / "webhooks.toml"
    if not file.is_file():
        return ()
    rows = read_table(file, "webhook", WebhookSettings, config_dir)
    names: set[str] = set()
    for at, row in enumerate(rows):
        for key, value, expected in _faults(row, names):
            raise ConfigError(str(file), f"webhook[{at}].{key}", value, expected)
        names.add(row.name)
    return rows


def _faults(row: WebhookSettings, names: set[str]) -> Iterator[tuple[str, object, str]]:
    if row.name in names:
        yield "name", row.name, "a name of its own for each webhook"
    if (row.url is None) == (row.url_file is None):
        yield "url", row.url, "either url or url_file"
    if row.kind == "generic" and row.secret_file is None:
        yield "secret_file", None, "a file with the key of the signature"
    if row.kind != "generic" and row.secret_file is not None:
        yield "secret_file", str(row.secret_file), f"none: {row.kind} knows no signature"
    if row.timeout_ms > row.deadline_ms:
        yield "timeout_ms", row.timeout_ms, "at most deadline_ms"
    schemes = {"https", "http"} if row.internal else {"https"}
    if urlsplit(row.address()).scheme not in schemes:
        yield "url", "(hidden)", f"an address that begins with {' or '.join(sorted(schemes))}"
