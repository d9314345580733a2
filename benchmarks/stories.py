"""Folding: how well reports of one event come together, and what that costs.

Precision: of the pairs of reports that we put into one story, the share that the labels join. Recall: of the pairs that
the labels join and that lie within the window, the share that we put into one story.
"""

from __future__ import annotations

import base64
import gc
import random
import resource
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace as changed
from itertools import combinations
from pathlib import Path
from time import process_time

import msgspec
from msgspec.structs import replace

from benchmarks.story_items import CONFIG, DAY_S, KINDS, Report, labelled, moved, syndicated, unlabelled
from workers.alerter.digest import Digest, digest
from workers.alerter.folding import FoldResult, fold
from workers.alerter.rules import AlertRules, build_rules
from workers.alerter.shard import ShardState
from workers.alerter.times import seconds_of
from workers.formats.text_signature import SIGNATURE_LAYOUT
from workers.model import Malware, Source, TaggedEvent
from workers.settings.alerts import AlertSettings, WatchSettings, load_alert_settings

__all__ = ["measure_stories"]

_SYNDICATED = 500
_BEGINNING = 1_700_000_000.0
_MEBIBYTE = 1 << 20
_FEWEST = 2_000
_DAYS, _SHOWN, _HOUSES = 17, (0, 6, 13, 14, 15, 16), 5


class _Alerter:
    """Both stages in one process, as `replay` does it, with the stories in reach."""

    def __init__(self, settings: AlertSettings) -> None:
        self.rules = build_rules(settings)
        self.shards: dict[str, ShardState] = {}

    def fold(self, part: Digest) -> FoldResult:
        state = self.shards.get(part.shard)
        if state is None:
            state = self.shards[part.shard] = ShardState(part.shard)
        return fold(state, part, self.rules)

    def story(self, event: TaggedEvent) -> tuple[str, str] | None:
        """Where the event went, None where nothing of it is watched."""
        results = [
            (part.shard, self.fold(part).story_id) for part in digest(event, self.rules) if part.purpose == "lead"
        ]
        return next(((shard, story) for shard, story in results if story), None)


def measure_stories(development: Sequence[Path], items: int) -> list[str]:
    """The tables' lines, Markdown. Without `development` files the syndicated items are made from the demo's."""
    settings = load_alert_settings(CONFIG)
    gc.set_threshold(20_000, 20, 50)  # as the workers do
    lines: list[str] = []
    if development:
        reports = labelled(development)
        lines += [*_agreement(reports, settings), ""]
        incidents = _watched(reports, build_rules(settings))
        files = development
    else:
        files = sorted((CONFIG / "demo").glob("*s.jsonl"))
        reports = unlabelled(files, _BEGINNING)
        incidents = _watched(reports, build_rules(settings))
    lines += [*_syndication(incidents, files, settings), "", *_mixed(reports, settings), ""]
    return [*lines, *_cost(incidents, settings, items)]


def _watched(reports: Iterable[Report], rules: AlertRules) -> list[Report]:
    return [report for report in reports if any(part.purpose == "lead" for part in digest(report.event, rules))]


def _agreement(reports: Sequence[Report], settings: AlertSettings) -> list[str]:
    quiet = changed(settings, surge=changed(settings.surge, enabled=False))
    countries = sorted({a.country for r in reports for a in r.event.attackers if a.country})
    everyone = changed(quiet, watch=(WatchSettings(name="anyone", attacker_country=countries),))
    lists = {"the shipped watch list": quiet, "any attacker country": everyone}
    lines = [
        "| watched | address | items | pairs, labels | within the window | pairs, ours | precision | recall |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, chosen in lists.items():
        for address, seen in (("yes", reports), ("no", [_without_address(report) for report in reports])):
            lines.append(f"| {name} | {address} | {_agreed(seen, chosen)} |")
    return lines


def _agreed(reports: Sequence[Report], settings: AlertSettings) -> str:
    alerter = _Alerter(settings)
    found = [(report, story) for report in reports if (story := alerter.story(report.event))]
    gold = _pairs(found, lambda entry: entry[0].incident)
    ours = _pairs(found, lambda entry: entry[1])
    near = {pair for pair in gold if _hours_apart(found, pair) <= settings.story.window_h}
    precision, recall = len(gold & ours) / max(len(ours), 1), len(near & ours) / max(len(near), 1)
    return f"{len(found):,} | {len(gold):,} | {len(near):,} | {len(ours):,} | {precision:.3f} | {recall:.3f}"


def _pairs(
    found: Sequence[tuple[Report, tuple[str, str]]], of: Callable[[tuple[Report, tuple[str, str]]], object]
) -> set[tuple[int, int]]:
    groups: dict[object, list[int]] = defaultdict(list)
    for at, entry in enumerate(found):
        groups[of(entry)].append(at)
    return {pair for members in groups.values() for pair in combinations(members, 2)}


def _hours_apart(found: Sequence[tuple[Report, object]], pair: tuple[int, int]) -> float:
    one, other = (_at(found[number][0]) for number in pair)
    return abs(one - other) / 3600


def _at(report: Report) -> float:
    return seconds_of(report.event.provenance.processed_at) or 0.0


def _without_address(report: Report) -> Report:
    return replace(report, event=replace(report.event, item=replace(report.event.item, url=None)))


def _syndication(incidents: Sequence[Report], files: Sequence[Path], settings: AlertSettings) -> list[str]:
    rules = build_rules(settings)
    made = syndicated(incidents, files, 2 * _SYNDICATED)
    watched = [entry for entry in made if _watched([entry[2]], rules)]
    copies = watched[:_SYNDICATED]
    lost = made.index(copies[-1]) + 1 - len(copies)
    alerter = _Alerter(settings)
    right: Counter[str] = Counter()
    for kind, original, copy in sorted(copies, key=lambda entry: _at(entry[2])):
        right[kind] += _is_folded(alerter, original, copy)
    counts = Counter(kind for kind, _, _ in copies)
    rows = [f"| {kind} | {counts[kind]} | {right[kind]} | {right[kind] / counts[kind]:.3f} |" for kind in KINDS]
    total = f"| all | {len(copies)} | {right.total()} | {right.total() / len(copies):.3f} |"
    return [
        "| syndicated by | items | with their original | recall |",
        "|---|--:|--:|--:|",
        *rows,
        total,
        "",
        f"{lost} more versions no longer named a watched attacker, so that they are no reports of the story to us.",
    ]


def _is_folded(alerter: _Alerter, original: Report, copy: Report) -> bool:
    """Among all that was told before, does the copy find its original's story? The original comes right before it."""
    known = alerter.story(original.event)
    return known is not None and alerter.story(copy.event) == known


def _mixed(reports: Sequence[Report], settings: AlertSettings) -> list[str]:
    """The reports as they come, most of them not watched: what the alerter does on the tagged topic."""
    alerter, decoder = _Alerter(settings), msgspec.json.Decoder(TaggedEvent)
    rounds = max(1, _FEWEST // len(reports))
    told = [moved(report, _BEGINNING + turn * DAY_S, str(turn)) for turn in range(rounds) for report in reports]
    values = [msgspec.json.encode(report.event) for report in told]
    parts, started = 0, process_time()
    for value in values:
        for part in digest(decoder.decode(value), alerter.rules):
            alerter.fold(part)
            parts += 1
    spent = process_time() - started
    return [
        "| tagged events | digests | events/s, one core |",
        "|--:|--:|--:|",
        f"| {len(values):,} | {parts:,} | {len(values) / spent:,.0f} |",
    ]


def _cost(incidents: Sequence[Report], settings: AlertSettings, items: int) -> list[str]:
    """Sixteen days of `items` watched reports each; a fifth of them tell of something new, the rest are told again.

    The window is full after fourteen days: from then on memory must not grow.
    """
    alerter, decoder = _Alerter(settings), msgspec.json.Decoder(TaggedEvent)
    rows, spent, folded, alerts = [], 0.0, 0, 0
    for day in range(_DAYS):
        values = [msgspec.json.encode(event) for event in _one_day(incidents, day, items)]
        started = process_time()
        for value in values:
            for part in digest(decoder.decode(value), alerter.rules):
                alerts += len(alerter.fold(part).alerts)
        spent, folded = spent + process_time() - started, folded + len(values)
        if day in _SHOWN:
            stories = sum(len(state.stories) for state in alerter.shards.values())
            rows.append(
                f"| {day + 1} | {folded:,} | {folded / spent:,.0f} | {stories:,} | {alerts:,} | {_resident_mb()} |"
            )
    return [
        "| day | watched events so far | events/s, one core | stories kept | alerts so far | resident MB |",
        "|--:|--:|--:|--:|--:|--:|",
        *rows,
    ]


def _one_day(incidents: Sequence[Report], day: int, items: int) -> Iterator[TaggedEvent]:
    """Incidents of the day, each with words and names of its own, told by as many houses, spread over the day."""
    chance = random.Random(day)
    for at in range(items):
        incident = at // _HOUSES
        name = f"{day}-{incident}"
        report = moved(incidents[incident % len(incidents)], _BEGINNING + (day + at / items) * DAY_S, f"{day}-{at}")
        yield _renamed(report.event, name, at % _HOUSES, chance)


def _renamed(event: TaggedEvent, name: str, house: int, chance: random.Random) -> TaggedEvent:
    """The event as one of incident `name`: its first two houses wrote texts of their own, the others copied the first."""
    text = f"{name}-{min(house, 1) if house < 2 else 0}"
    words = random.Random(text)
    signature = words.randbytes(SIGNATURE_LAYOUT.size - 4) + (300).to_bytes(2, "little") + (120).to_bytes(2, "little")
    item = replace(
        event.item,
        url=f"https://house{house}.example/{name}/{chance.random()}",
        source=Source(name=f"House {house}"),
        text_signature=base64.b64encode(signature).decode(),
    )
    attackers = [
        replace(one, actors=[replace(actor, id=f"{actor.name} {name}") for actor in one.actors])
        for one in event.attackers
    ]
    malware = [Malware(name=f"Malware {name}", kind="malware")]
    return replace(event, item=item, attackers=attackers, malware=malware, vulnerabilities=[])


def _resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() // _MEBIBYTE
