"""One form of a page's address, and whose voice a report is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.reports import report
from workers.alerter.owners import Owners
from workers.alerter.urls import canonical_url, registered_domain
from workers.model import Source
from workers.settings.alerts import OwnerSettings

SAME = [
    "https://www.example.com/a/b",
    "http://example.com/a/b/",
    "https://m.example.com/a/b?utm_source=x&utm_medium=y",
    "https://example.com:443/a/b#comments",
    "https://amp.example.com/a/b/amp/",
    "https://EXAMPLE.com/a/b/index.html?fbclid=1",
    "example.com/a/b",
]


@pytest.mark.parametrize("url", SAME)
def test_forms_of_one_page_are_one(url: str) -> None:
    assert canonical_url(url) == "example.com/a/b"


def test_what_names_another_page_is_kept() -> None:
    assert canonical_url("https://example.com/a?id=2&page=1") == "example.com/a?id=2&page=1"
    assert canonical_url("https://example.com/A") != canonical_url("https://example.com/a")


@pytest.mark.parametrize(
    "url", [None, "", "https://example.com", "https://[bad", "ftp://example.com/a", "not a url", "x"]
)
def test_what_is_no_page_has_no_address(url: str | None) -> None:
    assert canonical_url(url) is None


@given(st.text(max_size=60))
def test_no_text_breaks_it_and_the_form_is_stable(text: str) -> None:
    found = canonical_url(text)
    assert found is None or canonical_url(found) is None or canonical_url(canonical_url(found)) == canonical_url(found)
    registered_domain(text)


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://news.example.co.jp/x", "example.co.jp"),
        ("https://a.b.example.com", "example.com"),
        ("https://127.0.0.1/x", None),
        ("localhost", None),
        (None, None),
    ],
)
def test_the_registered_domain(url: str | None, domain: str | None) -> None:
    assert registered_domain(url) == domain


def test_outlets_of_one_house_are_one_owner() -> None:
    owners = Owners([OwnerSettings(name="House", sources=["Daily A"], domains=["b.example"])])
    item = report(1).item
    assert owners.owner(replace(item, source=Source(name="daily  a"))) == "House"
    assert owners.owner(replace(item, source=Source(name="B"), url="https://x.b.example/1")) == "House"
    assert owners.owner(item) == "outlet 1"
    assert owners.owner(replace(item, source=None)) == "outlet1.example"
    assert owners.owner(replace(item, source=None, url=None)) is None
