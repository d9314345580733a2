"""One question asked by a person: the same rules as in the stream, without its haste."""

from __future__ import annotations

from tests.support.lookups import FakeClock, ScriptedProvider, build, row_for
from workers.adapters.memory import MemoryCacheStore
from workers.enrich.by_hand import HandAnswer, ask_by_hand
from workers.enrich.rows import LookupRow
from workers.errors import DependencyError
from workers.model import Tlp


class World:
    def __init__(self, *rows: LookupRow) -> None:
        self.clock = FakeClock()
        self.rows = rows
        self.tools = build(rows, self.clock, MemoryCacheStore(self.clock))._tools

    def ask(self, key: str = "CVE-1", *, use_cache: bool = True, tlp: Tlp | None = Tlp.CLEAR) -> list[HandAnswer]:
        return ask_by_hand(self.rows, self.tools, key, tlp, use_cache=use_cache)


def test_every_row_answers_in_its_order() -> None:
    one, other = ScriptedProvider({"CVE-1": {"n": 1}}, "one"), ScriptedProvider({"CVE-1": None}, "other")
    withheld = row_for(ScriptedProvider({}, "third"), tlp_ceiling="CLEAR")
    answers = World(row_for(one), row_for(other, is_local=True), withheld).ask(tlp=Tlp.GREEN)
    assert [(a.lookup.source, a.lookup.status.value, a.origin) for a in answers] == [
        ("one", "found", "provider"),
        ("other", "not_found", "memory"),
        ("third", "withheld", None),
    ]
    assert (answers[0].fresh_for_s, answers[0].kept_for_s) == (100.0, 1000.0)


def test_an_old_answer_is_better_than_none_and_says_why_it_is_old() -> None:
    provider = ScriptedProvider({"CVE-1": {"n": 1}})
    world = World(row_for(provider))
    world.ask()
    world.clock.advance(101)
    provider.fault = DependencyError("scripted", "http-500")
    (answer,) = world.ask()
    assert (answer.lookup.status, answer.origin, answer.reason) == ("stale", "cache", "http-500")
    assert answer.fresh_for_s == 0.0
    provider.fault = None
    (answer,) = world.ask()
    assert (answer.lookup.status, answer.origin) == ("found", "provider")


def test_what_a_provider_says_nothing_of_is_no_answer() -> None:
    (answer,) = World(row_for(ScriptedProvider({}))).ask()
    assert (answer.lookup.status, answer.reason) == ("unavailable", "no-answer")


def test_without_the_cache_nothing_is_kept() -> None:
    provider = ScriptedProvider({"CVE-1": {"n": 1}})
    world = World(row_for(provider))
    for _ in range(2):
        world.ask(use_cache=False)
    world.ask()
    world.ask()
    assert len(provider.calls) == 3
