"""What webhooks get: bodies that a feed's text cannot break, and a signature that holds time and body together."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.alerts import alert_of
from workers.formats.alert import decode_alert
from workers.formats.webhook import BODIES, signature
from workers.model.alert import StoryRef, SurgeFigures


def body(kind: str, **parts: object) -> str:
    return BODIES[kind](alert_of(**parts)).decode()


def story(title: str) -> StoryRef:
    return StoryRef(id="s", first_seen="2026-11-25T09:00:00Z", items=1, sources=1, title=title)


def test_the_generic_body_is_the_alert_itself() -> None:
    assert decode_alert(BODIES["generic"](alert_of())) == alert_of()


def test_a_slack_message_cannot_be_steered_by_a_title() -> None:
    message = msgspec.json.decode(body("slack"))
    assert message["text"].startswith("[high] New story: cn: Grid &lt;plans&gt; ∗stolen∗")
    kinds = [block["type"] for block in message["blocks"]]
    assert kinds == ["header", "section", "section", "actions"]
    assert message["blocks"][3]["elements"][0]["url"] == "https://x.example/1"
    assert "<" not in message["blocks"][1]["text"]["text"]


def test_a_teams_card_cannot_be_steered_by_a_title() -> None:
    message = msgspec.json.decode(body("teams", story=story("[click](https://evil.example)")))
    (attachment,) = message["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert card["type"] == "AdaptiveCard"
    assert card["body"][1]["text"] == r"\[click\]\(https://evil.example\)"
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Read", "url": "https://x.example/1"}]
    facts = {fact["title"]: fact["value"] for fact in card["body"][2]["facts"]}
    assert facts["TLP"] == "CLEAR"
    assert facts["Attackers"] == "CN, MirrorFace"


@pytest.mark.parametrize(
    "url", [None, "javascript:alert(1)", "https://", "http://[", "https://x.example/\n", "ftp://x/"]
)
@pytest.mark.parametrize("kind", ["slack", "teams"])
def test_only_web_addresses_become_links(kind: str, url: str | None) -> None:
    item = msgspec.structs.replace(alert_of().item, url=url)
    assert "Read" not in body(kind, item=item)


def test_a_surge_says_its_figures_and_no_marking_is_not_clear() -> None:
    text = body("slack", reason="surge", surge=SurgeFigures(count=9, usual=0.5, window_s=10800), tlp=None)
    assert "9 in 3 h, usual are 0.5" in text
    assert "not known" in text


@given(st.text(max_size=400))
def test_any_title_makes_a_body(title: str) -> None:
    for kind in BODIES:
        parts = {"story": story(title)}
        message = msgspec.json.decode(BODIES[kind](alert_of(**parts)))
        assert isinstance(message, dict)


def test_a_signature_depends_on_key_time_and_body() -> None:
    found = {signature(key, at, what) for key in ("a", "b") for at in (1, 2) for what in (b"x", b"y")}
    assert len(found) == 8
    assert signature("a", 1, b"x") == signature("a", 1, b"x")
