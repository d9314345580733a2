"""What a judge found in the alerts of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["AlertVerdict"]


@dataclass
class AlertVerdict:
    """What is wrong with a run; nothing, when every list is empty."""

    doubled: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    unfounded: list[str] = field(default_factory=list)
    silent_stories: list[str] = field(default_factory=list)
    alerts: int = 0
    digests: int = 0
    repeats: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.doubled or self.missed or self.unfounded or self.silent_stories)

    def __str__(self) -> str:
        return (
            f"{self.alerts} alerts from {self.digests} digests ({self.repeats} of them delivered again): "
            f"doubled {len(self.doubled)} {self.doubled[:3]}, missed {len(self.missed)} {self.missed[:3]}, "
            f"unfounded {len(self.unfounded)} {self.unfounded[:3]}, "
            f"stories without a first alert {len(self.silent_stories)} {self.silent_stories[:5]}"
        )
