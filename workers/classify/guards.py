"""Whether a form of the knowledge holds where it stands: its case, no address around it, and the guards of its list. Pure."""

from __future__ import annotations

from workers.classify.forms import NAMED, WORD
from workers.classify.text import FieldText
from workers.knowledge import Knowledge, Surface

__all__ = ["Guards"]

_JOINS = frozenset("./@\\_")
_JOINS_BEHIND = frozenset("._@")
_NEAR = 28
# A program's name with its ending is still the program: certutil.exe.
_PROGRAM_ENDINGS = (".exe", ".dll", ".py", ".ps1", ".vbs")
_SHOUTED_MINIMUM = 5
_RUN_LONGEST = 60
_HEADING_LONGEST = 400
_SMALL_WORDS = frozenset(
    (
        "of",
        "the",
        "and",
        "for",
        "in",
        "group",
        "team",
        "gang",
        "apt",
        "ransomware",
        "collective",
        "crew",
        "hackers",
        "family",
        "malware",
        "rat",
        "backdoor",
        "loader",
        "stealer",
        "bot",
        "worm",
        "trojan",
        "al",
        "de",
        "da",
    )
)
_RANSOM_WORDS = frozenset(("ransomware", "gang", "ransom", "locker"))
_STRIP = "\"'()[]{}:;,.!?“”‘’「」、。<>"


class Guards:
    """The checks that the surfaces of a list ask for. Immutable; safe to share between threads."""

    def __init__(self, knowledge: Knowledge) -> None:
        compiled = knowledge.compiled
        shapes = compiled.organisations
        self._no_given_names = frozenset(compiled.words).union(
            word.lower() for key in ("heads", "before_places") for word in shapes.get(key, ())
        )
        self._beside = frozenset(compiled.beside)
        self._beside_ja = tuple(word for word in compiled.beside if not word.isascii())

    def hold(self, field: FieldText, surface: Surface, start: int, end: int) -> bool:
        """Whether `surface` counts at this place of the field."""
        case = surface.case
        if case:
            plain = field.plain
            if case == 1:
                first = plain[start]
                if not (first.isupper() or first.isdigit()):
                    return False
            elif case == 3:
                if not _is_title(plain[start:end]):
                    return False
            elif plain[start:end] not in surface.exact or (start and plain[start - 1] == "-"):
                return False
        if surface.cls in NAMED:
            folded = field.folded
            joined = (start and folded[start - 1] in _JOINS) or folded[end : end + 1] in _JOINS_BEHIND
            if joined and self._in_address(folded, start, end):
                return False
        return not surface.guard or self._guard_lifted(field, surface, start, end)

    def _in_address(self, folded: str, start: int, end: int) -> bool:
        if start and folded[start - 1] in _JOINS and (start == 1 or folded[start - 2] in WORD):
            run = folded[max(0, start - _RUN_LONGEST) : start].split()[-1:]
            return (
                folded[start - 1] != "/" or not run or "." in run[0] or "//" in run[0]
            )  # "Winnti/PlugX" is no address
        if end + 1 >= len(folded) or folded[end] not in "._@" or folded[end + 1] not in WORD or folded[end - 1] == ".":
            return False
        return not folded.startswith(_PROGRAM_ENDINGS, end)

    def _guard_lifted(self, field: FieldText, surface: Surface, start: int, end: int) -> bool:
        if surface.guard == "beside":
            return self._has_setting(field, start, end)
        if surface.guard == "ransom":
            return self._beside_ransom(field.folded, start, end)
        if surface.guard == "person":
            return not self._after_given_name(field, start)
        return True

    def _has_setting(self, field: FieldText, start: int, end: int) -> bool:
        folded, plain = field.folded, field.plain
        if self._is_shouted(plain, start, end):
            return True
        if field.name == "title" and len(plain) < _HEADING_LONGEST and end - start >= len(plain.strip()) - 2:
            return True  # a heading that is nothing but the name
        after = folded[end : end + _NEAR]
        if after.startswith(("'s ", ", a ", ", the ")):
            after = after.split(" ", 1)[1]
        following = after.split()[:2]
        if (
            len(following) > 1
            and plain[end : end + _NEAR].split()[0][:1].isupper()
            and following[0].strip(_STRIP) not in self._beside
        ):
            following = []  # the next word is a name of its own: "Copper Otter gang"
        before = folded[max(0, start - _NEAR) : start].split()
        near = [*before[-1:], " ".join(before[-2:]), *following]
        if any(word.strip(_STRIP) in self._beside for word in near):
            return True
        around = folded[max(0, start - 10) : end + 12]
        return not around.isascii() and any(word in around for word in self._beside_ja)

    def _is_shouted(self, plain: str, start: int, end: int) -> bool:
        """A name in capitals among words that are not: BARIUM, POLONIUM."""
        if end - start < _SHOUTED_MINIMUM or not plain[start:end].isupper():
            return False
        after = plain[end : end + _NEAR].split()[:1]
        return bool(after) and not after[0].isupper()

    def _beside_ransom(self, folded: str, start: int, end: int) -> bool:
        before = folded[max(0, start - _NEAR) : start].split()[-1:]
        after = folded[end : end + _NEAR].split()[:1]
        return (
            any(word.strip(_STRIP) in _RANSOM_WORDS for word in (*before, *after))
            or folded[end : end + 4] == "ランサム"
        )

    def _after_given_name(self, field: FieldText, start: int) -> bool:
        before = field.plain[max(0, start - _NEAR) : start]
        if not before.endswith(" ") or not before.strip():
            return False
        word = before.split()[-1]
        return (
            word[0].isupper()
            and word[-1].isalpha()
            and word.lower() not in self._no_given_names
            and len(word) > 1
            and not word.isupper()
        )


def _is_title(written: str) -> bool:
    words = written.replace("-", " ").split()
    if not words or words[0][0].islower():
        return False
    for word in words:
        first = word[0]
        if first.isalpha() and not first.isupper() and word not in _SMALL_WORDS:
            return False
    return True
