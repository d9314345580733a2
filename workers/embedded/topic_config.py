"""The topic settings this broker knows: names, types, defaults, and which values it accepts.

Only `max.message.bytes` is acted on. The others are kept and shown so that topics can be declared, compared and
altered as on Apache Kafka, but nothing is ever expired or compacted here. A setting that would change what readers see
and that is not built (log append time) is refused.
Source of names and defaults: https://kafka.apache.org/documentation/#topicconfigs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["DEFAULTS", "ConfigType", "Setting", "max_message_bytes", "refusal"]


class ConfigType(IntEnum):
    """The type codes of DescribeConfigs."""

    BOOLEAN = 1
    STRING = 2
    INT = 3
    LONG = 5
    DOUBLE = 6
    LIST = 7


@dataclass(frozen=True, slots=True)
class Setting:
    """One topic setting: its type, its default, and the values allowed where they are a closed list."""

    type: ConfigType
    default: str
    allowed: frozenset[str] = frozenset()


def _one_of(default: str, *others: str) -> Setting:
    return Setting(ConfigType.STRING, default, frozenset({default, *others}))


DEFAULTS: Mapping[str, Setting] = {
    "cleanup.policy": Setting(ConfigType.LIST, "delete", frozenset({"delete", "compact"})),
    "compression.type": _one_of("producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"),
    "delete.retention.ms": Setting(ConfigType.LONG, "86400000"),
    "file.delete.delay.ms": Setting(ConfigType.LONG, "60000"),
    "flush.messages": Setting(ConfigType.LONG, "9223372036854775807"),
    "flush.ms": Setting(ConfigType.LONG, "9223372036854775807"),
    "index.interval.bytes": Setting(ConfigType.INT, "4096"),
    "max.compaction.lag.ms": Setting(ConfigType.LONG, "9223372036854775807"),
    "max.message.bytes": Setting(ConfigType.INT, "1048588"),
    "message.timestamp.type": _one_of("CreateTime"),
    "min.cleanable.dirty.ratio": Setting(ConfigType.DOUBLE, "0.5"),
    "min.compaction.lag.ms": Setting(ConfigType.LONG, "0"),
    "min.insync.replicas": Setting(ConfigType.INT, "1"),
    "preallocate": Setting(ConfigType.BOOLEAN, "false", frozenset({"true", "false"})),
    "retention.bytes": Setting(ConfigType.LONG, "-1"),
    "retention.ms": Setting(ConfigType.LONG, "604800000"),
    "segment.bytes": Setting(ConfigType.INT, "1073741824"),
    "segment.index.bytes": Setting(ConfigType.INT, "10485760"),
    "segment.jitter.ms": Setting(ConfigType.LONG, "0"),
    "segment.ms": Setting(ConfigType.LONG, "604800000"),
    "unclean.leader.election.enable": Setting(ConfigType.BOOLEAN, "false", frozenset({"true", "false"})),
}


def max_message_bytes(configs: Mapping[str, str]) -> int:
    """Return the largest batch a topic with these settings takes."""
    return int(configs.get("max.message.bytes", DEFAULTS["max.message.bytes"].default))


def refusal(configs: Mapping[str, str | None]) -> str | None:
    """Say why these settings cannot be taken, or return None when they can."""
    for name, value in configs.items():
        setting = DEFAULTS.get(name)
        if setting is None:
            return f"Unknown topic config name: {name}"
        if value is None or not _is_valid(setting, value):
            return f"Invalid value {value} for configuration {name}"
    return None


def _is_valid(setting: Setting, value: str) -> bool:
    if setting.allowed:
        return {part.strip() for part in value.split(",")} <= setting.allowed
    try:
        float(value) if setting.type is ConfigType.DOUBLE else int(value)
    except ValueError:
        return False
    return True
