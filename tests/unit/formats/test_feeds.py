"""Feeds and pages as raw items: what becomes of each member, ids that stay, and documents that mean harm."""

from __future__ import annotations

import json
import time

import pytest

from workers.formats.feeds import FeedError, is_json_feed, json_feed, xml_feed
from workers.formats.ids import content_digest, item_id
from workers.formats.pages import Origin, language_of, moment_of, page_item, plain_text
from workers.model import RawItem
from workers.model.item import Source

ORIGIN = Origin(url="https://feeds.example.org/all?key=secret", host="feeds.example.org", tlp="CLEAR")
RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>Harbour Watch &amp; Co</title><link>https://example.org/</link><language>en-GB</language>
<item><title>Tugs &amp;amp; cranes</title><link>https://example.org/tugs</link><guid isPermaLink="false">17</guid>
<pubDate>Mon, 02 Mar 2026 09:30:00 +0100</pubDate><description>Short.</description>
<content:encoded><![CDATA[<p>Long <b>text</b>.</p><script>bad()</script>]]></content:encoded></item>
<item><title>No address</title><guid isPermaLink="false">18</guid><description>Only a number.</description></item>
<item><pubDate>soon</pubDate></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Kites</title><id>urn:kites</id>
<link rel="alternate" href="https://kites.example.org/"/>
<entry><id>urn:kites:1</id><title type="html">Red &lt;i&gt;kite&lt;/i&gt;</title>
<link href="/notes/1"/><updated>2026-03-02T01:02:03Z</updated><summary>It rose.</summary></entry></feed>"""


def rss(text: str = RSS) -> tuple[RawItem, ...]:
    return xml_feed(text.encode(), "application/rss+xml", "utf-8", ORIGIN).items


def test_an_entry_of_rss_becomes_an_item() -> None:
    feed = xml_feed(RSS.encode(), "application/rss+xml", "utf-8", ORIGIN)
    first, second = feed.items
    assert (feed.without_text, feed.fault) == (1, None)
    assert first.title == "Tugs & cranes"
    assert first.body == "<p>Long <b>text</b>.</p>"
    assert (first.summary, first.content_type) == ("Short.", "text/html")
    assert first.published_at == "2026-03-02T08:30:00Z"
    assert (first.language, first.tlp, first.url) == ("en", "CLEAR", "https://example.org/tugs")
    assert first.source == Source(name="Harbour Watch & Co", url="https://example.org/")
    assert (second.url, second.body, second.published_at) == (None, "Only a number.", None)


def test_an_entry_of_atom_becomes_an_item_its_address_made_whole() -> None:
    (item,) = xml_feed(ATOM.encode(), "", None, ORIGIN).items
    assert (item.title, item.body, item.content_type) == ("Red kite", "It rose.", "text/plain")
    assert item.url == "https://feeds.example.org/notes/1"
    assert item.published_at == "2026-03-02T01:02:03Z"


def test_ids_stay_when_the_text_changes_and_differ_between_feeds() -> None:
    first, second = rss()
    changed, also_changed = rss(RSS.replace("Long", "Longer").replace("Only a number", "Still"))
    assert (first.id, second.id) == (changed.id, also_changed.id)
    assert first.id == item_id(RawItem(url=first.url), "")
    elsewhere = Origin(url="https://other.example.org/", host="other.example.org")
    assert xml_feed(RSS.encode(), "", None, elsewhere).items[1].id != second.id


def test_what_names_itself_nothing_is_named_by_its_host_and_never_by_its_key() -> None:
    (item,) = xml_feed(
        b"<rss version='2.0'><channel><item><title>x</title></item></channel></rss>", "", None, ORIGIN
    ).items
    assert item.source == Source(name="feeds.example.org", url="https://feeds.example.org/all")
    assert item.id == item_id(RawItem(), content_digest(item))


def test_the_caller_may_name_the_source() -> None:
    named = Origin(url=ORIGIN.url, host=ORIGIN.host, source_name="Ours")
    assert xml_feed(RSS.encode(), "", None, named).items[0].source == Source(name="Ours", url="https://example.org/")


def test_a_feed_cut_short_is_read_as_far_as_it_goes_and_says_so() -> None:
    feed = xml_feed(RSS[: RSS.index("</item>") + 30].encode(), "application/rss+xml", None, ORIGIN)
    assert feed.items[0].title == "Tugs & cranes"
    assert feed.fault is not None


def test_a_feed_that_is_served_as_a_page_is_no_fault() -> None:
    assert xml_feed(RSS.encode(), "text/html", "utf-8", ORIGIN).fault is None


@pytest.mark.parametrize("content", [b"", b"no feed", b"<html><title>x</title></html>", b"\xff\xfe\x00", b"<a><b></a>"])
def test_what_is_no_feed_is_refused(content: bytes) -> None:
    with pytest.raises(FeedError, match="is no RSS or Atom feed"):
        xml_feed(content, "application/xml", None, ORIGIN)


def laughs() -> str:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    return f'<!DOCTYPE rss [<!ENTITY l0 "ha">{levels}]><rss version="2.0"><channel><title>&l11;</title></channel></rss>'


LOCAL = '<!DOCTYPE rss [<!ENTITY f SYSTEM "file:///etc/hostname">]><rss version="2.0"><channel><item><title>&f;</title></item></channel></rss>'
OUTSIDE = LOCAL.replace("<!ENTITY f SYSTEM", "<!entity % p SYSTEM")


@pytest.mark.parametrize("text", [laughs(), LOCAL, OUTSIDE])
def test_a_document_with_entities_of_its_own_is_refused(text: str) -> None:
    with pytest.raises(FeedError, match="declares entities"):
        xml_feed(text.encode(), "application/rss+xml", None, ORIGIN)


@pytest.mark.parametrize("text", [laughs(), LOCAL])
def test_one_that_hides_them_in_another_encoding_does_no_harm(text: str) -> None:
    began = time.monotonic()
    try:
        items = xml_feed(text.encode("utf-16"), "application/rss+xml", None, ORIGIN).items
    except FeedError:
        items = ()
    assert time.monotonic() - began < 20
    assert all(len(item.title or "") < 100_000 for item in items)
    with open("/etc/hostname", encoding="utf-8") as file:  # noqa: PTH123
        name = file.read().strip()
    assert all(not name or name not in (item.title or "") for item in items)


def test_a_json_feed_becomes_items() -> None:
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Reeds",
        "home_page_url": "https://reeds.example.org/",
        "language": "ja",
        "items": [
            {"id": 7, "url": "https://reeds.example.org/7", "title": "Seven", "content_html": "<p>x</p>"},
            {"id": "8", "content_text": "plain", "date_published": "2026-03-02T10:00:00+09:00", "language": "en-US"},
            {"id": "9"},
        ],
    }
    assert is_json_feed(document)
    feed = json_feed(document, ORIGIN)
    first, second = feed.items
    assert feed.without_text == 1
    assert (first.title, first.body, first.content_type, first.language) == ("Seven", "<p>x</p>", "text/html", "ja")
    assert (second.body, second.content_type, second.language) == ("plain", "text/plain", "en")
    assert second.published_at == "2026-03-02T01:00:00Z"
    assert first.source == Source(name="Reeds", url="https://reeds.example.org/")
    assert second.id == json_feed(document | {"title": "Renamed"}, ORIGIN).items[1].id


@pytest.mark.parametrize("document", [None, [], {}, {"version": 1}, {"version": "1.1", "items": []}])
def test_other_json_is_no_json_feed(document: object) -> None:
    assert not is_json_feed(document)


def test_a_json_feed_of_the_wrong_shape_is_refused_with_the_place() -> None:
    document = json.loads('{"version": "https://jsonfeed.org/version/1", "items": [{"title": 7}]}')
    with pytest.raises(FeedError, match=r"\$\.items\[0\]\.title"):
        json_feed(document, ORIGIN)


PAGE = """<!doctype html><html lang="fr-CA"><head><title>A  page
of reeds</title><meta property="og:site_name" content="Marsh"><meta name="date" content="2026-03-01">
<meta property="article:published_time" content="2026-03-02T00:30:00+01:00"></head>
<body><svg><title>not this</title></svg><p>caf\u00e9</p></body></html>"""


def test_a_page_says_its_title_site_language_and_day() -> None:
    item = page_item(PAGE.encode(), "text/html", None, ORIGIN)
    assert (item.title, item.language, item.published_at) == ("A page of reeds", "fr", "2026-03-01T23:30:00Z")
    assert item.source == Source(name="Marsh", url="https://feeds.example.org/all")
    assert (item.body, item.content_type, item.url) == (PAGE, "text/html", ORIGIN.url)
    assert item.id == item_id(RawItem(url=ORIGIN.url), "")


@pytest.mark.parametrize(
    ("content", "charset", "text"),
    [
        (PAGE.encode("latin-1"), "latin-1", PAGE),
        ("\ufeff\u00e9".encode(), "latin-1", "\u00e9"),
        ("\u00e9".encode("utf-16"), None, "\u00e9"),
        ('<meta charset="shift_jis">\u6771\u4eac'.encode("shift_jis"), None, '<meta charset="shift_jis">\u6771\u4eac'),
        ("\u00e9".encode(), "no-such-encoding", "\u00e9"),
        ("\u00e9".encode(), "base64", "\u00e9"),
        (b"a\xffb", None, "a\ufffdb"),
    ],
)
def test_a_page_is_read_in_the_encoding_that_is_named(content: bytes, charset: str | None, text: str) -> None:
    assert page_item(content, "text/html", charset, ORIGIN).body == text


def test_a_text_has_no_head() -> None:
    item = page_item(b"<title>no</title>", "text/plain", None, ORIGIN)
    assert (item.title, item.body) == (None, "<title>no</title>")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z"),
        (" 2026-03-02 ", "2026-03-02T00:00:00Z"),
        ("0001-01-01T00:00:00+05:00", None),
        ("soon", None),
        (None, None),
    ],
)
def test_moments_are_in_utc_or_none(text: str | None, moment: str | None) -> None:
    assert moment_of(text) == moment


@pytest.mark.parametrize(("tag", "language"), [("en-US", "en"), ("JA", "ja"), ("x", None), ("e1", None), (None, None)])
def test_languages_are_primary_subtags(tag: str | None, language: str | None) -> None:
    assert language_of(tag) == language


def test_words_of_markup() -> None:
    assert plain_text("a <b>b</b>\n &amp; c") == "a b & c"
