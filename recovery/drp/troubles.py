"""What went wrong, and how often in a row: what passes is waited for, what stays is told. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

STRIKES = 3
"""An error that nobody foresaw passes within two rounds (a deadlock, say), or stays."""
STANDSTILL = 60
"""What is refused in so many rounds, one after the other, stands still."""

Key = tuple[object, ...]


@dataclass(slots=True)
class Troubles:
    """By what they are about."""

    counts: dict[Key, int] = field(default_factory=dict)

    def met(self, key: Key, limit: int) -> bool:
        """Once more; whether it is grave since this very time."""
        self.counts[key] = self.counts.get(key, 0) + 1
        return self.counts[key] == limit

    def is_grave(self, key: Key, limit: int) -> bool:
        return self.counts.get(key, 0) >= limit

    def went_well(self, key: Key) -> int:
        """How often it had gone wrong before."""
        return self.counts.pop(key, 0)

    def forget(self, keep: Callable[[Key], bool]) -> None:
        """What it was about is there no more."""
        self.counts = {key: n for key, n in self.counts.items() if keep(key)}
