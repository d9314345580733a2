"""A lookup provider that speaks JSON over HTTP, described by its row in `lookups.toml` alone (requests).

What a row can say: GET with the keys in the query or in the path (as they are, or in base64url without padding); POST with them in a JSON document (at a member or,
for GraphQL and the like, at a JSON pointer into it) or in a form; constants beside them; one key a call or many; where
the entries, their keys and their values stand; a member that says how the question went. Any answer of another shape is
a DependencyError with a short code, never "not found". How the call is bounded: `http_call`.

The shipped rows name the page of each provider's interface; the first was EPSS of FIRST, whose answer is
{"data": [{"cve": ..., "epss": "0.00133", "percentile": ..., "date": ...}]} (https://www.first.org/epss/api).
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from jsonpointer import JsonPointer, JsonPointerException

from workers.adapters.http_call import HttpCaller
from workers.errors import ConfigError, DependencyError
from workers.ports import Clock, ProviderAnswer
from workers.settings import MISSING, EntryReader, HttpSettings, LookupSettings, resolve

__all__ = ["HttpJsonProvider", "decode_document"]

Entries = dict[str, "dict[str, Any] | None"]


class HttpJsonProvider:
    """See `workers.ports.LookupProvider`. For several threads."""

    def __init__(self, row: LookupSettings, http: HttpSettings, clock: Clock, secret: str | None) -> None:
        """Opens no connection. `row.endpoint` must be given. Raises ConfigError."""
        self._row = row
        self._caller = HttpCaller(row, http, clock, secret)
        self._questions = _Questions(row)
        self._reader = _AnswerReader(row)

    @property
    def name(self) -> str:
        """See the port."""
        return self._row.provider

    def fetch(self, keys: Sequence[str], timeout_s: float) -> Mapping[str, ProviderAnswer]:
        """See the port. A key without an entry in a whole and well-formed answer is "nothing known"."""
        endpoint, options = self._questions.put(keys)
        expected = self._row.not_found_statuses
        answer = self._caller.call(self._row.method, endpoint, options, expected=expected, timeout_s=timeout_s)
        if answer.status in expected:
            return {key: ProviderAnswer(value=None) for key in keys}
        try:
            entries = self._reader.entries(answer.body, keys)
        except _UnreadableError as error:
            raise DependencyError(self.name, error.code) from error
        return {key: ProviderAnswer(value=entries.get(key)) for key in keys}

    def close(self) -> None:
        """Close the connections."""
        self._caller.close()


class _Questions:
    """Turns keys into the address and the options of a call."""

    def __init__(self, row: LookupSettings) -> None:
        self._row = row
        self._place = _place_of(row.parameter or "")
        if self._place is not None:
            self._check(self._place)

    def _check(self, place: JsonPointer) -> None:
        try:
            place.set(copy.deepcopy(self._row.constants), [])
        except JsonPointerException as error:
            expected = "a place in constants, all steps but the last of which are there"
            raise ConfigError("lookups.toml", "lookup.parameter", self._row.parameter, expected) from error

    def put(self, keys: Sequence[str]) -> tuple[str, dict[str, Any]]:
        row = self._row
        endpoint = row.endpoint or ""
        if row.method == "POST":
            return endpoint, self._body(keys)
        if row.parameter is None:
            endpoint = endpoint.replace("{key}", quote(keys[0].encode("utf-8", "surrogatepass"), safe=""))
            endpoint = endpoint.replace("{key:base64url}", _base64url(keys[0]))
            return endpoint, {"params": row.constants} if row.constants else {}
        return endpoint, {"params": row.constants | {row.parameter: row.separator.join(keys)}}

    def _body(self, keys: Sequence[str]) -> dict[str, Any]:
        row = self._row
        joined = row.separator.join(keys)
        if row.body == "form":
            return {"data": row.constants | {row.parameter: joined}}
        value: Any = joined if row.keys_as == "text" else list(keys)
        document = copy.deepcopy(row.constants)
        if self._place is None:
            document[row.parameter or ""] = value
        else:
            self._place.set(document, value)
        return {"data": msgspec.json.encode(document), "headers": {"Content-Type": "application/json"}}


def _base64url(text: str) -> str:
    """RFC 4648, 5, without the padding."""
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).rstrip(b"=").decode("ascii")


def _place_of(parameter: str) -> JsonPointer | None:
    return JsonPointer(parameter) if parameter.startswith("/") else None


class _UnreadableError(Exception):
    """The answer is not what the row says that it would be. `code` is a short word."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def decode_document(body: bytes) -> Any:
    """The JSON document in `body`, `MISSING` where it is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return MISSING


class _AnswerReader:
    """Reads entries out of an answer, as the row's pointers say."""

    def __init__(self, row: LookupSettings) -> None:
        self._row = row
        self._entry = EntryReader(row)

    def entries(self, body: bytes, keys: Sequence[str]) -> Entries:
        """What the answer says of each key. Raises _UnreadableError."""
        document = decode_document(body)
        if self._row.state is not None:
            state = resolve(document, self._row.state)
            if state in self._row.state_not_found:
                return {}
            if state not in self._row.state_found:
                raise _UnreadableError("refused" if isinstance(state, str) else "wrong-shape")
        rows = resolve(document, self._row.rows)
        return self._only(rows, keys) if self._row.key is None else self._by_key(rows, keys, self._row.key)

    def _only(self, row: Any, keys: Sequence[str]) -> Entries:
        """One key a call: the answer is its entry, or a list whose first element is.

        An entry that has none of the values is of another shape: nothing else ties it to the question.
        """
        if isinstance(row, list):
            if not row:
                return {}
            row = row[0]
        if not isinstance(row, dict):
            raise _UnreadableError("wrong-shape")
        value = self._entry.value(row)
        if all(part is None or part == [] for part in value.values()):
            raise _UnreadableError("wrong-shape")
        return {keys[0]: value}

    def _by_key(self, rows: Any, keys: Sequence[str], pointer: str) -> Entries:
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise _UnreadableError("wrong-shape")
        asked = {key.casefold(): key for key in keys}
        found: Entries = {}
        for row in rows:
            key = resolve(row, pointer)
            if not isinstance(key, str):
                raise _UnreadableError("wrong-shape")
            name = asked.get(self._named(key))
            if name is not None and name not in found:
                found[name] = self._entry.value(row)
        return found

    def _named(self, key: str) -> str:
        """The key of an entry as it is compared: without case and, where the row matches hosts, without a port."""
        folded = key.casefold()
        return folded.rpartition(":")[0] or folded if self._row.key_match == "host" else folded
