"""A clock that stands still while this machine does: for what a test measures in seconds.

Where a machine gives this process no time for a while (a neighbour's burst, a frozen group), what
runs beside it got none either; seconds that nobody had are no seconds of the code under test.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta

from recovery.core.clock import system

BEAT = 0.02
LATE = 0.1
"""Seconds by which a beat may be late: no more than a busy interpreter takes."""


class SteadyClock:
    """Counts with the machine's monotonic clock, less what its own beats were late."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lost = 0.0
        self._beaten = time.monotonic()
        self._wall = system.now()
        self._zero = self._beaten
        threading.Thread(target=self._beat, daemon=True, name="steady").start()

    def _beat(self) -> None:
        while True:
            time.sleep(BEAT)
            with self._lock:
                now = time.monotonic()
                self._lost += self._late(now)
                self._beaten = now

    def _late(self, now: float) -> float:
        late = now - self._beaten - BEAT
        return late if late > LATE else 0.0

    def monotonic(self) -> float:
        with self._lock:
            now = time.monotonic()
            return now - self._lost - self._late(now)

    def now(self) -> datetime:
        return self._wall + timedelta(seconds=self.monotonic() - self._zero)


steady = SteadyClock()
