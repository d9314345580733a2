"""The rows of the knowledge: actors, malware, techniques, surfaces, role rules. Types only, no I/O."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

__all__ = ["ActorEntry", "ActorKind", "Compiled", "MalwareEntry", "RoleRule", "Surface", "TechniqueEntry"]

ActorKind: TypeAlias = Literal["state", "state-linked", "non-state", "unknown"]


class ActorEntry(Struct, frozen=True, kw_only=True):
    """An intrusion set or group under all its names. `country` is None where no sponsor is known.

    `tools`: malware and tools that it is known to use, by name.
    """

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    attack_id: str | None = None
    country: str | None = None
    kind: ActorKind = "unknown"
    refs: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


class MalwareEntry(Struct, frozen=True, kw_only=True):
    """A malware family or tool. `sponsor`: one state's groups alone use it. `brand`: a group acts under this name."""

    id: str | None
    name: str
    kind: Literal["malware", "tool"] = "malware"
    sponsor: str | None = None
    ransomware: bool = False
    brand: bool = False


class TechniqueEntry(Struct, frozen=True, kw_only=True):
    """An ATT&CK technique. `successor` is the id that replaced it, None while it stands."""

    id: str
    name: str
    successor: str | None = None


class Surface(Struct, frozen=True, kw_only=True):
    """One written form and all that it can mean.

    `case` says when the form counts: 0 in any case, 1 with a capital (or digit) first, 2 only as in `exact`,
    3 with a capital or digit at each word.
    `guard` names a check of the setting: "" none, "beside" a word of the setting next to it, "ransom" the word ransomware
    or gang next to it, "person" no capitalised
    word before it, "ambiguous" a context word anywhere in the text.
    """

    text: str
    cls: str = ""
    country: str = ""
    actors: tuple[str, ...] = ()
    malware: str = ""
    sectors: tuple[tuple[str, str], ...] = ()
    objectives: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    case: int = 0
    exact: tuple[str, ...] = ()
    guard: str = ""


class RoleRule(Struct, frozen=True, kw_only=True):
    """A pattern over the classes of a sentence, as a regular expression over one letter per token."""

    name: str
    role: Literal["attacker", "target", "accuser", "bystander", "denied", "group"]
    strength: float
    language: str
    regex: str
    needs: tuple[str, ...] = ()
    # What the attacker is where the country's own name takes the role, and the letters in the stretch that say so of any mention.
    kind: ActorKind = "unknown"
    state: str = ""
    linked: str = ""


class Compiled(Struct, frozen=True, kw_only=True):
    """Everything that the reader needs, in a form that msgpack carries."""

    version: str
    rules_hash: str
    actors: dict[str, ActorEntry]
    malware: dict[str, MalwareEntry]
    techniques: dict[str, TechniqueEntry]
    surfaces: tuple[Surface, ...]
    words: dict[str, str]
    letters: dict[str, str]
    roles: tuple[RoleRule, ...]
    beside: tuple[str, ...]
    ambiguous: dict[str, tuple[str, str, tuple[str, ...]]]
    benign_domains: tuple[str, ...]
    benign_addresses: tuple[str, ...]
    top_level_domains: tuple[str, ...]
    not_domains: tuple[str, ...]
    implications: tuple[str, ...]
    mitigations: tuple[str, ...]
    weak_sectors: tuple[str, ...]
    designators: tuple[str, ...]
    family_words: tuple[str, ...]
    sources: dict[str, int]
    # How organisations are named: lists of words by the part that they play in a name.
    organisations: dict[str, tuple[str, ...]] = {}
    # Words beside which a country stands by, by the way in which it does.
    bystanding: dict[str, tuple[str, ...]] = {}
