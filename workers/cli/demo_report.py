"""What `shirase demo` shows at its end: counts, events, dead letters, metrics. Reads the demo's topics; judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from workers.cli.alert_lines import ALERT_COLUMNS, alert_row
from workers.cli.dead_letters import Letter, letters_of
from workers.cli.event_lines import COLUMNS, event_row
from workers.cli.metrics_page import Samples, total
from workers.cli.output import is_terminal, print_table
from workers.formats.alert import decode_alert
from workers.model import TaggedEvent
from workers.model.alert import Alert

if TYPE_CHECKING:
    from workers.cli.demo_stage import DemoStage

__all__ = ["DemoFacts", "report", "report_addresses"]

_OUTCOMES = ("tagged", "dead_lettered", "filtered")
_LOOKUPS = ("found", "not_found", "withheld", "unavailable", "stale")


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoFacts:
    """What came of the demo's records."""

    fed: int
    seconds: float
    outcomes: Mapping[str, int]
    events: Sequence[TaggedEvent]
    letters: Sequence[Letter]
    alerts: Sequence[Alert]
    metrics_url: str
    metrics: Mapping[str, float]

    def adds_up(self) -> bool:
        """Whether every record fed is accounted for, by the tagger's count and by what stands on the topics."""
        seen = self.outcomes["tagged"] == len(self.events) and self.outcomes["dead_lettered"] == len(self.letters)
        return seen and sum(self.outcomes.values()) == self.fed

    def plain(self) -> dict[str, Any]:
        """The facts for a program."""
        return {
            "fed": self.fed,
            "seconds": round(self.seconds, 1),
            **self.outcomes,
            "adds_up": self.adds_up(),
            "events": [event_row(event) for event in self.events],
            "dead_letters": [_letter_row(one) for one in self.letters],
            "alerts": [alert_row(alert) for alert in self.alerts],
            "metrics_url": self.metrics_url,
            "metrics": self.metrics,
        }

    def show(self) -> None:
        """The facts for a person."""
        _section("Tagged events: who attacks whom", COLUMNS, [event_row(event) for event in self.events])
        letters = [_letter_row(one) for one in self.letters]
        _section("Dead letters: records that nobody can read", ("id", "code", "detail"), letters)
        rows = [{"metric": name, "value": f"{value:g}"} for name, value in self.metrics.items()]
        _section(f"Some metrics, from {self.metrics_url}", ("metric", "value"), rows)
        _section(
            "Alerts: one per story, one more when it is corroborated",
            ALERT_COLUMNS,
            [alert_row(a) for a in self.alerts],
        )
        counts = " + ".join(f"{count} {name.replace('_', '-')}" for name, count in self.outcomes.items())
        verdict = "nothing lost" if self.adds_up() else "THIS DOES NOT ADD UP"
        typer.secho(f"{self.fed} consumed = {counts}: {verdict}. {self.seconds:.1f} s.", bold=is_terminal())


def _section(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """A table with its title above it, also where tables are plain lines."""
    if not is_terminal():
        typer.echo(f"# {title}")
    print_table(title, columns, rows)
    typer.echo()


def _letter_row(one: Letter) -> dict[str, str]:
    return {"id": one.info.id, "code": one.info.code, "detail": one.info.detail}


def report(stage: DemoStage, fed: int, samples: Samples, seconds: float) -> DemoFacts:
    """What came of `fed` records, read from the demo's topics and from the tagger's `samples`."""
    from workers.adapters.kafka_browse import read_whole_topic

    settings = stage.settings
    tagged = read_whole_topic(settings.kafka, settings.tagger.output)
    letters = read_whole_topic(settings.kafka, settings.tagger.dead_letter)
    alerts = [decode_alert(record.value or b"") for record in read_whole_topic(settings.kafka, settings.alerter.alerts)]
    events = [msgspec.json.decode(record.value or b"", type=TaggedEvent) for record in tagged]
    return DemoFacts(
        fed=fed,
        seconds=seconds,
        outcomes={name: int(total(samples, "outcomes_total", outcome=name)) for name in _OUTCOMES},
        events=sorted(events, key=lambda event: event.item.id),
        letters=letters_of(letters),
        alerts=sorted(alerts, key=lambda alert: (alert.watch, alert.story.id, alert.raised_at)),
        metrics_url=stage.metrics_url,
        metrics=_highlights(samples),
    )


def _highlights(samples: Samples) -> dict[str, float]:
    found = {f"shirase_outcomes_total {name}": total(samples, "outcomes_total", outcome=name) for name in _OUTCOMES}
    for status in _LOOKUPS:
        asked = total(samples, "lookup_answers_total", kind="cve", status=status)
        if asked:
            found[f"shirase_lookup_answers_total cve {status}"] = asked
    for name in ("events_published_total", "transactions_total", "consumer_lag_records"):
        found[f"shirase_{name}"] = total(samples, name)
    count = total(samples, "end_to_end_seconds_count")
    if count:
        found["shirase_end_to_end_seconds, mean"] = round(total(samples, "end_to_end_seconds_sum") / count, 3)
    return found


def report_addresses(stage: DemoStage) -> None:
    """Where everything is, and what to try, for a person who keeps the demo running."""
    call = " ".join(["shirase", *stage.invocation.arguments()])
    rows = [
        {"what": "Kafka (the demo's own)", "where": stage.broker.bootstrap},
        {"what": "cache", "where": stage.cache.url},
        {"what": "metrics", "where": stage.metrics_url},
        {"what": "is it alive, is it ready", "where": stage.metrics_url.replace("/metrics", "/livez and /readyz")},
        {"what": "the alerter's metrics", "where": stage.alerter_url},
        {"what": "alerts", "where": f"{call} alerts list"},
        {"what": "follow the events", "where": f"{call} tail"},
        {"what": "feed more", "where": f"{call} ingest FILE"},
        {"what": "dead letters", "where": f"{call} dlq list"},
    ]
    typer.echo()
    _section("Running until Ctrl-C", ("what", "where"), rows)
