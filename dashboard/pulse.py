"""Whether a controller watches: its beat must keep moving, on this process's own clock."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.sentence import UNWATCHED
from recovery.core import clock, control

STILL_SECONDS = 6.0
"""A beat that stood still this long: nobody watches the fleet."""


@dataclass(slots=True)
class Pulse:
    """What this process has seen of the leader's beat."""

    beat: tuple[int, int] | None = None
    since: float = 0.0
    has_moved: bool = False

    def note(self, beat: tuple[int, int], now: float) -> None:
        """One look at the beat."""
        if self.beat is None:
            self.beat, self.since = beat, now
        elif beat != self.beat:
            self.beat, self.since, self.has_moved = beat, now, True

    def is_watched(self, now: float) -> bool | None:
        """True: it moves · False: it stands still · None: not looked for long enough."""
        if self.beat is not None and now - self.since > STILL_SECONDS:
            return False
        return True if self.has_moved else None


pulse = Pulse()


def is_watched() -> bool | None:
    """By one more look at the beat."""
    now = clock.system.monotonic()
    pulse.note(control.read_beat(), now)
    return pulse.is_watched(now)


def unwatched() -> str:
    """Why nobody looks at the fleet; empty where a controller does, or where that is not known yet.
    A take-over is no such while: it takes a third of `STILL_SECONDS`."""
    return UNWATCHED if is_watched() is False else ""
