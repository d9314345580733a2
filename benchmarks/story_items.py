"""Reports to fold: labelled items of incident trackers, and items syndicated from others, read by the worker's own reader."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from workers.classify.reader import Reader
from workers.formats.raw_item import ItemDecoder
from workers.formats.tagged_event import EventBuilder
from workers.knowledge import load_knowledge
from workers.model import Source, TaggedEvent

__all__ = ["DAY_S", "KINDS", "Report", "labelled", "moved", "syndicated", "unlabelled"]

CONFIG = Path(__file__).resolve().parents[1] / "config"
DAY_S = 86_400
KINDS = ("headline", "truncated", "boilerplate", "translated")
_BEFORE = (
    "This article was first published elsewhere and appears here under a licence. Subscribe to our newsletter for more.",
    "LISTEN: our editors discuss the week in security. By our staff, with material from the agencies.",
)
_AFTER = (
    "Follow us on social media for the latest headlines. All rights reserved; no part may be copied without permission.",
    "Read more: ten ways to keep your passwords safe. Advertisement. Do you have a tip? Write to the newsroom.",
    "About the author: our correspondent has covered technology for ten years and lives by the sea with two dogs.",
)


class Report(Struct, frozen=True):
    """An event and the name of the real-world event it tells of."""

    event: TaggedEvent
    incident: str


class _Tagger:
    """Reads raw items as the worker does, without a broker."""

    def __init__(self) -> None:
        knowledge = load_knowledge(CONFIG, None)
        self._reader, self._decoder = Reader(knowledge), ItemDecoder(1 << 20)
        self._events = EventBuilder(worker="bench", rules="bench", knowledge=knowledge.version)

    def event(self, item: dict[str, Any], at: float) -> TaggedEvent:
        decoded = self._decoder.decode("bench", msgspec.json.encode(item))
        moment = datetime.fromtimestamp(at, UTC).isoformat()
        return self._events.build(decoded, self._reader.read(decoded.item), (), (), self._events.provenance(moment))


def labelled(files: Sequence[Path]) -> list[Report]:
    """The dated items of `files` (JSON Lines, .gz or not: id, title, text, published, source_urls, cluster), oldest first.

    Each is taken to arrive when it was published; one of which only the month is known, in the middle of it.
    """
    tagger, found = _Tagger(), {}
    for row in (msgspec.json.decode(line) for file in files for line in _lines(file)):
        day = _day(row.get("published") or "")
        if day is not None and row["id"] not in found:
            at = float((day - date(1970, 1, 1)).days * DAY_S)
            found[row["id"]] = (at, row["id"], Report(tagger.event(_raw(row), at), row["cluster"]))
    return [report for _, _, report in sorted(found.values(), key=lambda entry: entry[:2])]


def unlabelled(files: Sequence[Path], at: float) -> list[Report]:
    """The raw items of `files`, each an incident of its own, all arriving at `at`."""
    tagger = _Tagger()
    rows = [row for file in files for line in _lines(file) if isinstance(row := msgspec.json.decode(line), dict)]
    return [Report(tagger.event(row, at), str(number)) for number, row in enumerate(rows) if row.get("body")]


def syndicated(reports: Sequence[Report], files: Sequence[Path], count: int) -> list[tuple[str, Report, Report]]:
    """`count` republished versions of `reports`, by turns of the four kinds, made from the texts in `files`: kind, report, version.

    headline: another headline and byline; truncated: cut after 35 to 80 per cent, new headline; boilerplate: text of the house
    before and after; translated: the same tags with other words in another language. Each by another house, at another
    address, within a day.
    """
    texts = {
        row["id"]: row for file in files for line in _lines(file) if isinstance(row := msgspec.json.decode(line), dict)
    }
    tagger, chance = _Tagger(), random.Random(6)
    fit = [report for report in reports if _is_fit(report.event, texts)]
    made = []
    for number in range(count):
        report, kind = fit[number % len(fit)], KINDS[(number + number // len(fit)) % len(KINDS)]
        made.append((kind, report, _republished(tagger, report, kind, number, texts, chance)))
    return made


def moved(report: Report, at: float, name: str) -> Report:
    """The report as one of another time and another event id."""
    moment = datetime.fromtimestamp(at, UTC).isoformat()
    event = report.event
    return replace(
        report,
        event=replace(
            event,
            id=f"{event.id}-{name}",
            item=replace(event.item, id=f"{event.item.id}-{name}", published_at=moment),
            provenance=replace(event.provenance, processed_at=moment),
        ),
    )


def _republished(
    tagger: _Tagger, report: Report, kind: str, number: int, texts: dict[str, Any], chance: random.Random
) -> Report:
    event = report.event
    at = datetime.fromisoformat(event.provenance.processed_at).timestamp() + chance.random() * DAY_S
    house = {
        "id": f"copy-{number}",
        "url": f"https://house{number}.example/{number}",
        "source": {"name": f"House {number}"},
    }
    if kind == "translated":
        return _translated(event, report.incident, house, at)
    row = texts[event.item.id]
    body = row.get("text") or row.get("body") or ""
    words = (row.get("title") or body[:80]).split()
    chance.shuffle(words)
    item = {**house, "title": "Report: " + " ".join(words[:8]), "body": body, "language": event.item.language}
    if kind == "truncated":
        item["body"] = body[: max(int(len(body) * chance.uniform(0.35, 0.8)), 120)] + " ..."
    if kind == "boilerplate":
        item["body"] = "\n".join((chance.choice(_BEFORE), body, *chance.sample(_AFTER, 2)))
    return Report(tagger.event(item, at), report.incident)


def _translated(event: TaggedEvent, incident: str, house: dict[str, Any], at: float) -> Report:
    """What the reader would find in a faithful translation: the same tags; names of organisations are written otherwise."""
    language = "en" if (event.item.language or "").startswith("ja") else "ja"
    item = replace(
        event.item,
        id=house["id"],
        url=house["url"],
        title="訳" if language == "ja" else "Translated",
        source=Source(name=house["source"]["name"]),
        language=language,
        text_signature=None,
    )
    translated = replace(
        event,
        id=f"{event.id}-{house['id']}",
        item=item,
        targets=replace(event.targets, organisations=[]),
        summary=replace(event.summary, activity=[]),
        provenance=replace(event.provenance, processed_at=datetime.fromtimestamp(at, UTC).isoformat()),
    )
    return Report(translated, incident)


def _is_fit(event: TaggedEvent, texts: dict[str, Any]) -> bool:
    """Whether the report says enough to be told again: three lines of text, and tags that a translation could be known by."""
    row = texts.get(event.item.id, {})
    telling = event.vulnerabilities or event.malware or any(a.actors for a in event.attackers)
    located = event.targets.countries and event.targets.sectors
    return len(row.get("text") or row.get("body") or "") >= 240 and bool(telling and located)


def _lines(file: Path) -> Iterator[bytes]:
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rb") as lines:
        yield from (line for line in lines if line.strip().startswith(b"{"))


def _raw(row: dict[str, Any]) -> dict[str, Any]:
    urls = row.get("source_urls") or []
    return {
        "id": row["id"],
        "title": row["title"],
        "body": row["text"],
        "language": row.get("lang"),
        "source": {"name": row["dataset"], "kind": "report"},
        "tlp": "CLEAR",
        "url": f"https://{urls[0]}" if urls else None,
    }


def _day(text: str) -> date | None:
    found = re.fullmatch(r"(\d{4})-(\d\d)(?:-(\d\d))?", text)
    if not found:
        return None
    try:
        return date(int(found[1]), int(found[2]), int(found[3] or 15))
    except ValueError:
        return date(int(found[1]), int(found[2]), 1) + timedelta(days=14)
