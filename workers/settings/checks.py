"""Checks that need more than one key: what belongs together, what excludes what. Pure but for looking whether files exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

from workers.errors import ConfigError
from workers.settings.schema import KafkaSettings, LookupSettings, Settings, TlpName

__all__ = ["check_settings"]

LOOKUP_FILES = (".mmdb", ".toml")
KEY_PLACES = ("{key}", "{key:base64url}")
_TLP_RANK = {name: rank for rank, name in enumerate(get_args(TlpName))}


def check_settings(settings: Settings, file: str) -> None:
    """Raises ConfigError for the first pair of settings that cannot be meant together."""
    for key, value, expected in _faults(settings):
        raise ConfigError(file, key, value, expected)


def _faults(settings: Settings) -> Iterator[tuple[str, object, str]]:
    yield from _kafka(settings.kafka)
    yield from _sizes(settings)
    yield from _topics(settings)
    yield from _alerter(settings)
    for at, lookup in enumerate(settings.lookups):
        yield from _lookup(lookup, f"lookup[{at}]")
        yield from _second(lookup, settings, f"lookup[{at}].second_to")
        if lookup.enabled and not lookup.timeout_ms < settings.cache.lock_ms:
            yield (
                f"lookup[{at}].timeout_ms",
                lookup.timeout_ms,
                "less than cache.lock_ms, so that a lock outlives its call",
            )
    if settings.redis.url is not None and urlsplit(settings.redis.url).password:
        yield "redis.url", "(hidden)", "no password in the url: name a file in redis.password_file"
    for key, path in _files(settings):
        if path is not None and not path.is_file():
            yield key, str(path), "a file that exists"


def _kafka(kafka: KafkaSettings) -> Iterator[tuple[str, object, str]]:
    sasl = kafka.security_protocol.startswith("SASL")
    for key in ("sasl_mechanism", "sasl_username", "sasl_password_file"):
        value = getattr(kafka, key)
        if sasl and value is None:
            yield f"kafka.{key}", None, f"a value, since security_protocol is {kafka.security_protocol}"
        if not sasl and value is not None:
            yield f"kafka.{key}", str(value), f"no value, since security_protocol is {kafka.security_protocol}"
    if (kafka.ssl_certificate_file is None) != (kafka.ssl_key_file is None):
        yield "kafka.ssl_key_file", str(kafka.ssl_key_file), "certificate and key together, or neither"
    if kafka.heartbeat_interval_ms * 3 > kafka.session_timeout_ms:
        yield "kafka.heartbeat_interval_ms", kafka.heartbeat_interval_ms, "at most a third of session_timeout_ms"


def _sizes(settings: Settings) -> Iterator[tuple[str, object, str]]:
    if settings.kafka.max_request_bytes < 2 * settings.tagger.max_item_bytes:
        value = settings.kafka.max_request_bytes
        yield (
            "kafka.max_request_bytes",
            value,
            "at least twice tagger.max_item_bytes, so that any item can be dead-lettered",
        )
    if settings.tagger.watchdog_s * 1000 > settings.kafka.max_poll_interval_ms:
        yield "tagger.watchdog_s", settings.tagger.watchdog_s, "at most kafka.max_poll_interval_ms"
    if settings.supervisor.backoff_max_s < settings.supervisor.backoff_initial_s:
        yield "supervisor.backoff_max_s", settings.supervisor.backoff_max_s, "at least backoff_initial_s"


def _topics(settings: Settings) -> Iterator[tuple[str, object, str]]:
    declared = [topic.name for topic in settings.topics]
    for name in _doubles(declared):
        yield "topic.name", name, "each topic declared once in topics.toml"
    for name in _doubles(route.name for route in settings.routes):
        yield "route.name", name, "each route named once in routes.toml"
    if settings.tagger.output in settings.tagger.sources or settings.tagger.dead_letter in settings.tagger.sources:
        yield "tagger.sources", settings.tagger.sources, "topics that the tagger does not write to"


def _alerter(settings: Settings) -> Iterator[tuple[str, object, str]]:
    alerter, tagger = settings.alerter, settings.tagger
    if alerter.group == settings.kafka.group:
        yield "alerter.group", alerter.group, "a group of its own: that one is the taggers'"
    own = [alerter.stories, alerter.state, alerter.alerts, alerter.suppressed, alerter.acks, alerter.undelivered]
    for name in _doubles([*own, tagger.output, tagger.dead_letter]):
        yield "alerter", name, "topics that differ from each other and from the tagger's"
    if alerter.watchdog_s * 1000 > settings.kafka.max_poll_interval_ms:
        yield "alerter.watchdog_s", alerter.watchdog_s, "at most kafka.max_poll_interval_ms"
    partitions = {topic.name: topic.partitions for topic in settings.topics}
    if partitions.get(alerter.stories) != partitions.get(alerter.state):
        yield "topic.partitions", partitions.get(alerter.state), f"as many for {alerter.state} as for {alerter.stories}"


def _lookup(lookup: LookupSettings, where: str) -> Iterator[tuple[str, object, str]]:
    if lookup.hard_ttl_s < lookup.soft_ttl_s:
        yield f"{where}.hard_ttl_s", lookup.hard_ttl_s, "at least soft_ttl_s"
    if lookup.endpoint is not None and lookup.file is not None:
        yield f"{where}.file", str(lookup.file), "no file, since an endpoint is given"
    if lookup.file is not None and lookup.file.suffix not in LOOKUP_FILES:
        yield f"{where}.file", str(lookup.file), f"a file that ends in {' or '.join(LOOKUP_FILES)}"
    for key in ("numbers", "lists"):
        for name in getattr(lookup, key):
            if name not in lookup.answers:
                yield f"{where}.{key}", name, "names that stand in answers"
    if not lookup.answers and (lookup.endpoint is not None or lookup.file is not None):
        yield f"{where}.answers", {}, "at least one answer"
    if lookup.catalogue and lookup.endpoint is None:
        yield f"{where}.endpoint", None, "an endpoint, since the row is a catalogue"
    if lookup.endpoint is not None:
        yield from _endpoint(lookup, where)
        yield from (_catalogue if lookup.catalogue else _call)(lookup, where)


def _second(lookup: LookupSettings, settings: Settings, key: str) -> Iterator[tuple[str, object, str]]:
    """A second source depends on one first source of its kind, and asks nobody whom that one may not ask."""
    if not lookup.second_to:
        return
    name, values = next(iter(lookup.second_to.items()))
    first = next((row for row in settings.lookups if (row.provider, row.kind) == (name, lookup.kind)), None)
    if len(lookup.second_to) > 1 or first is None or first.second_to or first is lookup:
        yield key, list(lookup.second_to), "one provider of the same kind, itself no second source"
    elif not values or not set(values) <= first.answers.keys():
        yield key, list(values), f"names that stand in the answers of {name}"
    elif (first.types, first.key_match) != (lookup.types, lookup.key_match) or first.file or first.catalogue:
        yield key, name, "a provider over HTTP that is asked about the same keys"
    elif _TLP_RANK[lookup.tlp_ceiling] > _TLP_RANK[first.tlp_ceiling] or lookup.internal > first.internal:
        yield key, name, "a provider that may be asked about every item that this one may be asked about"


def _endpoint(lookup: LookupSettings, where: str) -> Iterator[tuple[str, object, str]]:
    endpoint = lookup.endpoint or ""
    if not endpoint.startswith(("https://", "http://")):
        yield f"{where}.endpoint", endpoint, "an http or https URL"
    if endpoint.startswith("http://") and not lookup.internal:
        yield f"{where}.endpoint", endpoint, "https, since the provider is not internal"
    if (lookup.state is None) != (not lookup.state_found):
        yield f"{where}.state_found", list(lookup.state_found), "state and state_found together, or neither"
    if lookup.attempts > 1 and lookup.method != "GET" and not lookup.repeatable:
        yield f"{where}.attempts", lookup.attempts, "1, unless method is GET or repeatable says that twice does no harm"


def _catalogue(lookup: LookupSettings, where: str) -> Iterator[tuple[str, object, str]]:
    if lookup.key is None:
        yield f"{where}.key", None, "a pointer to the key within an entry, since the row is a catalogue"
    if lookup.parameter is not None or lookup.method != "GET" or _is_key_in_path(lookup):
        yield (
            f"{where}.parameter",
            lookup.parameter,
            "no parameter, no {key} and method GET: a catalogue is fetched whole",
        )
    if lookup.complete_late:
        yield f"{where}.complete_late", True, "false: a catalogue answers all or nothing"


def _call(lookup: LookupSettings, where: str) -> Iterator[tuple[str, object, str]]:
    in_path = _is_key_in_path(lookup)
    if in_path == (lookup.parameter is not None):
        yield f"{where}.parameter", lookup.parameter, "a parameter for the keys, or else {key} in the endpoint's path"
    if in_path and lookup.method != "GET":
        yield f"{where}.method", lookup.method, "GET, since the key stands in the endpoint's path"
    if lookup.batch > 1 and in_path:
        yield f"{where}.batch", lookup.batch, "1, since the endpoint's path holds one key"
    if lookup.batch > 1 and lookup.key is None:
        yield f"{where}.key", None, "a pointer to the key within an entry, since batch is above 1"
    if lookup.batch > 1 and (lookup.not_found_statuses or lookup.state_not_found):
        yield f"{where}.not_found_statuses", lookup.batch, "a batch of 1 where an answer as a whole can mean not found"


def _is_key_in_path(lookup: LookupSettings) -> bool:
    return any(place in (lookup.endpoint or "") for place in KEY_PLACES)


def _files(settings: Settings) -> Iterator[tuple[str, Path | None]]:
    kafka, redis = settings.kafka, settings.redis
    yield "kafka.sasl_password_file", kafka.sasl_password_file
    yield "kafka.ssl_ca_file", kafka.ssl_ca_file
    yield "kafka.ssl_certificate_file", kafka.ssl_certificate_file
    yield "kafka.ssl_key_file", kafka.ssl_key_file
    yield "redis.password_file", redis.password_file
    yield "redis.ssl_ca_file", redis.ssl_ca_file
    yield "http.ca_file", settings.http.ca_file
    for at, lookup in enumerate(settings.lookups):
        if lookup.enabled:
            yield f"lookup[{at}].key_file", lookup.key_file
            yield f"lookup[{at}].file", lookup.file


def _doubles(names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield name
        seen.add(name)
