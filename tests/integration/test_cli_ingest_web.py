"""`shirase ingest URL` on a broker: feeds, JSON Lines and pages from a server on loopback become raw items in the topic."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.brokers import Broker
from tests.support.cli_calls import Done, Program, program_on
from tests.support.lookup_server import Behaviour, ProviderServer, bomb, reply
from tests.support.web import base_of, pages
from workers.adapters.kafka_browse import read_whole_topic
from workers.embedded.broker import EmbeddedBroker
from workers.formats.raw_item import ItemDecoder

FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>Quay News</title><link>https://quay.example/</link>
<item><title>One</title><link>https://quay.example/1</link><description>Lazarus Group robbed a ferry line.</description>
<pubDate>Mon, 02 Mar 2026 09:30:00 GMT</pubDate></item>
<item><title>Two</title><link>https://quay.example/2</link><description>Rain.</description></item></channel></rss>"""
LINES = b'{"id": "a", "body": "x"}\n\nnot json\n{"id": "b", "body": "y"}\n'
JSON_FEED = {"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "content_text": "reeds"}]}


class Web:
    """`shirase ingest` and a server on loopback."""

    def __init__(self, program: Program, server: ProviderServer) -> None:
        self.program, self.server = program, server
        self.base = base_of(server)

    def serve(self, **answers: Behaviour | bytes) -> None:
        self.server.behaviour = pages({"/" + path.replace("__", "."): answer for path, answer in answers.items()})

    def __call__(self, *arguments: str, code: int = 0) -> Done:
        return self.program("ingest", "--internal", *arguments, code=code)

    def raw(self) -> list[tuple[bytes | None, bytes]]:
        records = read_whole_topic(self.program.settings.kafka, self.program.settings.tagger.sources[0])
        return [(record.key, record.value or b"") for record in records]

    def items(self) -> list[Any]:
        return sorted((json.loads(value) for _, value in self.raw()), key=lambda item: str(item.get("title")))


@pytest.fixture
def web(shared_embedded_broker: EmbeddedBroker) -> Iterator[Web]:
    with ProviderServer().running() as server:
        yield Web(program_on(Broker("embedded", shared_embedded_broker.bootstrap)), server)


def test_each_entry_of_a_feed_is_an_item_that_the_tagger_can_read(web: Web) -> None:
    web.serve(feed=reply(200, FEED, Content_Type="application/rss+xml"))
    done = web(f"{web.base}/feed?key=secret", "--tlp", "green", "--source", "Quay")
    assert f"2 items from {web.base}/feed?…" in done.err
    assert f"2 items into {web.program.settings.tagger.sources[0]}" in done.err
    assert "secret" not in done.err
    one, two = web.items()
    assert one == {
        "id": one["id"],
        "title": "One",
        "body": "Lazarus Group robbed a ferry line.",
        "content_type": "text/html",
        "url": "https://quay.example/1",
        "published_at": "2026-03-02T09:30:00Z",
        "source": {"name": "Quay", "url": "https://quay.example/"},
        "tlp": "GREEN",
    }
    assert "published_at" not in two
    decoder = ItemDecoder(1_000_000)
    for key, value in web.raw():
        decoded = decoder.decode("raw", value)
        assert decoded.item_id.encode() == key
        assert decoded.unknown_members == 0


def test_an_entry_that_is_fetched_again_has_the_same_key(web: Web) -> None:
    web.serve(feed=FEED)
    for _ in range(2):
        web(f"{web.base}/feed")
    keys = [key for key, _ in web.raw()]
    assert len(keys) == 4
    assert len(set(keys)) == 2


@pytest.mark.parametrize(
    ("path", "packed", "media_type"),
    [
        ("items.jsonl", False, "text/plain"),
        ("items.jsonl.gz", True, "application/gzip"),
        ("items", False, "application/x-ndjson"),
        ("items.ndjson", False, "application/json"),
    ],
)
def test_json_lines_go_in_byte_for_byte(web: Web, path: str, *, packed: bool, media_type: str) -> None:
    content = gzip.compress(LINES) if packed else LINES
    web.server.behaviour = pages({f"/{path}": reply(200, content, Content_Type=media_type)})
    web(f"{web.base}/{path}")
    assert sorted(web.raw(), key=str) == sorted(
        [(b"a", b'{"id": "a", "body": "x"}'), (None, b"not json"), (b"b", b'{"id": "b", "body": "y"}')], key=str
    )


def test_pages_texts_and_json_each_by_what_they_are(web: Web, tmp_path: Path) -> None:
    web.serve(
        page=reply(200, b"<html><title>Page</title><p>p</p>", Content_Type="text/html; charset=utf-8"),
        note__md=reply(200, b"# Note", Content_Type="text/plain; charset=utf-8"),
        plain=reply(200, b"words", Content_Type="text/plain"),
        feed__json=reply(200, json.dumps(JSON_FEED).encode(), Content_Type="application/json"),
        item__json=reply(200, b'{"title": "own", "x": 1}', Content_Type="application/json"),
        mis=reply(200, FEED, Content_Type="text/html"),
    )
    (tmp_path / "local.txt").write_text("here", encoding="utf-8")
    addresses = [f"{web.base}/{path}" for path in ("page", "note.md", "plain", "feed.json", "item.json", "mis")]
    web(*addresses, str(tmp_path / "local.txt"))
    items = web.items()
    assert len(items) == 8
    assert {"title": "own", "x": 1} in items
    assert {"body": "here", "content_type": "text/plain"} in items
    by_body = {item.get("body"): item for item in items}
    assert by_body["# Note"]["content_type"] == "text/markdown"
    assert by_body["words"]["url"] == f"{web.base}/plain"
    assert by_body["reeds"]["source"]["name"] == "127.0.0.1"
    assert {item["title"] for item in items if "title" in item} == {"Page", "own", "One", "Two"}


def test_what_comes_from_within_has_no_level_unless_it_is_given_one(web: Web) -> None:
    web.serve(feed=FEED)
    web(f"{web.base}/feed")
    assert all("tlp" not in item for item in web.items())


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (reply(404), "answered with HTTP status 404, expected 200"),
        (reply(200, b"%PDF", Content_Type="application/pdf"), "is application/pdf: expected an RSS, Atom or JSON feed"),
        (reply(200, b"x", Content_Type="application/octet-stream"), "does not say what it is: expected an RSS"),
        (reply(200, b"<rss><!ENTITY a 'b'></rss>", Content_Type="text/xml"), "declares entities"),
        (reply(200, b"<opml/>", Content_Type="text/xml"), "is no RSS or Atom feed; expected an RSS"),
        (reply(200, b"[1]", Content_Type="application/json"), "is JSON of another shape: expected a JSON Feed"),
        (reply(200, b"{", Content_Type="application/json"), "is no JSON"),
        (reply(200, b" ", Content_Type="text/html"), "is empty"),
        (bomb(9), "is larger than download.max_bytes"),
    ],
)
def test_what_cannot_be_read_is_said_and_nothing_goes_in(web: Web, answer: Behaviour, says: str) -> None:
    web.serve(bad=answer, good=FEED)
    program = Program(web.program.environment | {"SHIRASE_DOWNLOAD__MAX_BYTES": "1000000"})
    done = program("ingest", "--internal", f"{web.base}/good", f"{web.base}/bad?key=secret", code=1)
    assert f"{web.base}/bad?… {says}" in done.err
    assert "secret" not in done.err
    assert web.raw() == []


def test_a_packed_file_must_be_whole_and_within_bounds(web: Web) -> None:
    large = gzip.compress(b"{}\n" * 700_000)
    web.serve(large__jsonl__gz=large, half__jsonl__gz=large[:500], broken__jsonl__gz=b"\x1f\x8b\xff" + large[3:500])
    program = Program(web.program.environment | {"SHIRASE_DOWNLOAD__MAX_BYTES": "1000000"})
    for path, says in (("large", "unpacks to more"), ("half", "ends too early"), ("broken", "no whole gzip file")):
        assert says in program("ingest", "--internal", f"{web.base}/{path}.jsonl.gz", code=1).err
    assert web.raw() == []


def test_a_feed_with_faults_is_read_and_they_are_told(web: Web) -> None:
    extra = b"<item><pubDate>x</pubDate></item></channel>"
    web.serve(cut=FEED[: FEED.index(b"</channel>")], bare=FEED.replace(b"</channel>", extra))
    assert "is not well-formed and is read as far as it goes" in web(f"{web.base}/cut").err
    assert "1 entries without any text are left out" in web(f"{web.base}/bare").err
    assert len(web.raw()) == 4


def test_addresses_within_are_refused_unless_that_is_wanted(web: Web) -> None:
    refused = web.program("ingest", f"{web.base}/feed", code=1)
    assert "leads to an address that is not public; --internal allows that" in refused.err
    assert web.server.requests == []


@pytest.mark.parametrize("address", ["http://", "https://me:pw@example.org/", "http://[/", "http://example.org:99999/"])
def test_an_address_that_cannot_be_one_is_wrong_usage(web: Web, address: str) -> None:
    done = web(address, code=2)
    assert "expected https://host/path" in done.words()
    assert "pw" not in done.err


def test_a_file_that_is_not_there_is_wrong_usage(web: Web) -> None:
    assert "nowhere.jsonl does not exist" in web("nowhere.jsonl", code=2).words()
