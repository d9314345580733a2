"""Alerts as the bodies that webhooks take: our own JSON, Slack's blocks, an adaptive card for Microsoft Teams. Pure.

Slack: "Block Kit" and its mrkdwn, where &, < and > are control characters (https://api.slack.com/reference/surfaces/formatting).
Teams: the workflow "Post to a channel when a webhook request is received" takes a message with adaptive cards as its
attachments (https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook).
Text that comes from a feed is data: it is cut, made harmless for the markup of either, and links only where it is https or http.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import msgspec

from workers.model.alert import Alert

__all__ = ["BODIES", "SIGNATURE_HEADER", "Body", "signature"]

Body: TypeAlias = Callable[[Alert], bytes]
_LONGEST_TITLE = 300
_LONGEST_LINE = 1_000
_MARKDOWN = str.maketrans({character: f"\\{character}" for character in "\\*_[]()#~`>|"})
_MRKDWN = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "*": "∗", "_": "＿", "~": "∼", "`": "ˋ"})
_WORDS = {
    "new-story": "New story",
    "corroborated": "Corroborated by an independent source",
    "escalated": "Escalated",
    "surge": "Surge",
}
SIGNATURE_HEADER = "Shirase-Signature"
_encode = msgspec.json.Encoder().encode


def generic_body(alert: Alert) -> bytes:
    """The alert as it stands in its topic."""
    return _encode(alert)


def slack_body(alert: Alert) -> bytes:
    """A Slack message: a plain text for notifications, and blocks."""
    lines = [f"*{name}*  {_cut(value).translate(_MRKDWN)}" for name, value in _facts(alert).items()]
    title = _title(alert)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _headline(alert)[:150]}},
        {"type": "section", "text": {"type": "mrkdwn", "text": title.translate(_MRKDWN)}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)}},
    ]
    link = _link(alert)
    if link is not None:
        button = {"type": "button", "text": {"type": "plain_text", "text": "Read"}, "url": link}
        blocks.append({"type": "actions", "elements": [button]})
    return _encode({"text": f"{_headline(alert)}: {title}".translate(_MRKDWN), "blocks": blocks})


def teams_body(alert: Alert) -> bytes:
    """A Teams message with one adaptive card."""
    facts = [{"title": name, "value": _cut(value).translate(_MARKDOWN)} for name, value in _facts(alert).items()]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "size": "Large", "weight": "Bolder", "wrap": True, "text": _headline(alert)},
            {"type": "TextBlock", "wrap": True, "text": _title(alert).translate(_MARKDOWN)},
            {"type": "FactSet", "facts": facts},
        ],
    }
    link = _link(alert)
    if link is not None:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Read", "url": link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return _encode({"type": "message", "attachments": [attachment]})


BODIES: Mapping[str, Body] = {"generic": generic_body, "slack": slack_body, "teams": teams_body}


def signature(secret: str, seconds: int, body: bytes) -> str:
    """The value of the signature's header: HMAC-SHA256 over the time, a dot and the body, so that neither can be replaced.

    A receiver computes the same, compares in constant time, and refuses what is minutes old.
    """
    signed = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={signed}"


def _headline(alert: Alert) -> str:
    return f"[{alert.severity}] {_WORDS[alert.reason]}: {alert.watch}"


def _title(alert: Alert) -> str:
    return _cut(alert.story.title or alert.item.title or alert.item.id)[:_LONGEST_TITLE]


def _facts(alert: Alert) -> dict[str, str]:
    attackers = [
        name for one in alert.attackers for name in (one.country, *(actor.name for actor in one.actors)) if name
    ]
    found = {
        "Attackers": ", ".join(dict.fromkeys(attackers)),
        "Targets": ", ".join(country.code for country in alert.targets.countries),
        "Sectors": ", ".join(sector.id for sector in alert.targets.sectors),
        "What is new": ", ".join(alert.changes),
        "Reports": f"{alert.story.items} from {alert.story.sources} independent sources",
        "Source": _source(alert),
        "TLP": alert.tlp or "not known",
        "Alert": alert.id,
    }
    if alert.surge is not None:
        figures = alert.surge
        found["Surge"] = f"{figures.count} in {figures.window_s // 3600} h, usual are {figures.usual:.1f}"
    return {name: value for name, value in found.items() if value}


def _source(alert: Alert) -> str:
    source = alert.item.source
    return (source.name or "") if source is not None else ""


def _link(alert: Alert) -> str | None:
    url = alert.item.url
    if url is None or len(url) > _LONGEST_LINE or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"https", "http"} and parts.netloc else None


def _cut(text: str) -> str:
    kept = "".join(c if c.isprintable() else " " for c in text[:_LONGEST_LINE])
    return kept.encode("utf-8", "replace").decode()
