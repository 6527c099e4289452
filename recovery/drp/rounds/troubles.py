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
    """By what they are about; each counts once a round. `round`: the number of this one."""

    counts: dict[Key, int] = field(default_factory=dict)
    met_in: dict[Key, int] = field(default_factory=dict)
    round: int = 0

    def met(self, key: Key, limit: int) -> bool:
        """Whether it is grave since this very time."""
        if self.met_in.get(key) == self.round:
            return False
        self.met_in[key] = self.round
        self.counts[key] = self.counts.get(key, 0) + 1
        return self.counts[key] == limit

    def is_grave(self, key: Key, limit: int) -> bool:
        return self.counts.get(key, 0) >= limit

    def went_well(self, key: Key) -> int:
        """How often it had gone wrong before."""
        self.met_in.pop(key, None)
        return self.counts.pop(key, 0)

    def forget(self, keep: Callable[[Key], bool]) -> None:
        """What it was about is there no more."""
        self.counts = {key: n for key, n in self.counts.items() if keep(key)}
        self.met_in = {key: at for key, at in self.met_in.items() if keep(key)}
