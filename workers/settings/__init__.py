"""The settings: their shape, how they are read, and what must hold between them."""

from __future__ import annotations

from workers.settings.load import ENVIRONMENT_PREFIX, load_settings, read_secret
from workers.settings.pointers import MISSING, EntryReader, resolve
from workers.settings.schema import (
    AlerterSettings,
    BatchSettings,
    CacheSettings,
    DeadLetterSettings,
    DownloadSettings,
    FieldMapSettings,
    FilterSettings,
    HttpSettings,
    KafkaSettings,
    KnowledgeSettings,
    LogSettings,
    LookupSettings,
    MetricsSettings,
    RedisSettings,
    RouteSettings,
    Settings,
    StageSettings,
    SupervisorSettings,
    TaggerSettings,
    TopicSettings,
)

__all__ = [
    "ENVIRONMENT_PREFIX",
    "MISSING",
    "AlerterSettings",
    "BatchSettings",
    "CacheSettings",
    "DeadLetterSettings",
    "DownloadSettings",
    "EntryReader",
    "FieldMapSettings",
    "FilterSettings",
    "HttpSettings",
    "KafkaSettings",
    "KnowledgeSettings",
    "LogSettings",
    "LookupSettings",
    "MetricsSettings",
    "RedisSettings",
    "RouteSettings",
    "Settings",
    "StageSettings",
    "SupervisorSettings",
    "TaggerSettings",
    "TopicSettings",
    "load_settings",
    "read_secret",
    "resolve",
]
