"""The only place that reads a clock.

Instants shown to people come from `now()`; every deadline counts on `monotonic()`
(safety.md: no wall clock in a decision). `boottime()` also runs while the machine sleeps.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a shell hands to a decision as its `now`."""

    def now(self) -> datetime:
        """Wall time, aware, in UTC: for people and records, never for a deadline."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never steps."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def boottime(self) -> float:
        """Seconds since boot, suspension included (Linux CLOCK_BOOTTIME)."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


class ManualClock:
    """A clock that moves when told: for simulations and tests."""

    def __init__(self, start: datetime, monotonic: float = 0.0) -> None:
        self._start = start
        self._zero = monotonic
        self._elapsed = 0.0

    def now(self) -> datetime:
        from datetime import timedelta

        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._zero + self._elapsed

    def advance(self, seconds: float) -> None:
        self._elapsed += seconds


system = SystemClock()
