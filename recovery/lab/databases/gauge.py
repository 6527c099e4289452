"""Gaps between acknowledged writes: the stopwatch that a database's users hold. Pure.

Invariant: a gap runs from the last acknowledged write before to the first after it; one that
lasts has no end yet and is never told as short.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

NOTABLE = 1.0
"""Seconds without an acknowledged write from which on users would have noticed."""
WINDOW = 10.0
"""Seconds over which the newest gap is told."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Without an acknowledged write from `began` until `ended`; `after` was the last number."""

    began: float
    ended: float
    after: int
    error: str

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(slots=True)
class Gauge:
    """The acknowledgements of one database, in the order in which they came."""

    acknowledged: int = 0
    last_at: float | None = None
    last_number: int = 0
    failing_since: float | None = None
    error: str = ""
    _recent: deque[tuple[float, float]] = field(default_factory=deque)

    def acknowledge(self, number: int, at: float) -> Gap | None:
        """One more; the notable gap that it ends."""
        gap = None
        if self.last_at is not None:
            self._recent.append((at, at - self.last_at))
            if at - self.last_at >= NOTABLE:
                gap = Gap(self.last_at, at, self.last_number, self.error)
        while self._recent and self._recent[0][0] < at - WINDOW:
            self._recent.popleft()
        self.acknowledged += 1
        self.last_at, self.last_number = at, number
        self.failing_since, self.error = None, ""
        return gap

    def fail(self, error: str, at: float) -> bool:
        """A write was not acknowledged; whether that is news."""
        is_news = self.failing_since is None
        if is_news:
            self.failing_since = self.last_at if self.last_at is not None else at
        self.error = error
        return is_news

    def newest(self, now: float) -> float | None:
        """The longest gap of the last seconds, the one that lasts included; None: never written."""
        if self.last_at is None:
            return None
        lasting = now - self.last_at
        return max(lasting, *(gap for at, gap in self._recent if at > now - WINDOW), 0.0)
