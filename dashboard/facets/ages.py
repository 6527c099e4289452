"""How old recovery points were over the last day, as lines: parts of their promise. Pure.

Every replica is drawn on one scale, the part of its own promise that was used, so that seconds and
hours can be looked at together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from recovery.backups.screens import HISTORY, History

STEPS = 144
STEP = HISTORY / STEPS
THINNED = timedelta(seconds=90)
"""The history has a row a minute at most: between two rows so near the point rose too."""
WIDTH, HEIGHT, TOP = 720, 150, 1.25
"""Of the drawing; at its top one and a quarter of a promise."""
LINES = 84
"""Parts of a hundred of its height that the lines have."""
EDGE = 6.0
"""Parts of a hundred: an hour nearer to an end would be written beyond it on a phone."""


@dataclass(frozen=True, slots=True)
class Line:
    """One replica: `parts`: strokes that hang together; `said`: for who cannot see them."""

    number: int
    parts: tuple[str, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Tick:
    """An hour at the foot; `x`: in parts of a hundred."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    """`full`: where a whole promise is used, `half`: where half of it is."""

    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    full: float
    half: float

    @property
    def full_at(self) -> float:
        """In parts of a hundred of the whole figure, whose foot has the hours."""
        return round(LINES * self.full / HEIGHT, 1)

    @property
    def half_at(self) -> float:
        return round(LINES * self.half / HEIGHT, 1)


def draw_ages(histories: Sequence[History]) -> Plot | None:
    """The last day up to the newest look; None where nothing was ever read."""
    if not histories:
        return None
    end = _step_after(max(one.until for one in histories))
    begin = end - HISTORY
    lines = tuple(_line(one, begin) for one in histories)
    first = begin.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    hours = (first + timedelta(hours=n) for n in range(24))
    ticks = (_tick(hour, begin) for hour in hours if hour.hour % 6 == 0)
    within = tuple(tick for tick in ticks if EDGE <= tick.x <= 100 - EDGE)
    return Plot(lines, within, _y(1.0), _y(0.5))


def _tick(hour: datetime, begin: datetime) -> Tick:
    return Tick(round(100 * ((hour - begin) / HISTORY), 2), f"{hour:%H:%M}")


def _step_after(at: datetime) -> datetime:
    """On the grid, so that lines do not tremble with each look."""
    seconds = STEP.total_seconds()
    return at + timedelta(seconds=seconds - at.timestamp() % seconds)


def _line(history: History, begin: datetime) -> Line:
    parts: list[list[tuple[float, float]]] = [[]]
    worst = 0.0
    for number in range(STEPS):
        opens = begin + number * STEP
        used = used_between(history, opens, min(opens + STEP, history.until))
        if used is None:
            parts.append([])
            continue
        worst = max(worst, used)
        parts[-1].append((_x(opens + STEP, begin), _y(used)))
    strokes = tuple(" ".join(f"{x:.1f},{y:.1f}" for x, y in part) for part in parts if part)
    said = f"replica {history.number} used at most {worst:.0%} of its promise"
    return Line(history.number, strokes, said)


def used_between(history: History, opens: datetime, closes: datetime) -> float | None:
    """The largest part of the promise that was used between the two; None: nothing was known, or
    nothing could be restored."""
    if closes <= opens:
        return None
    worst: timedelta | None = None
    following = [at for at, _ in history.points[1:]]
    for (at, moment), risen in zip_longest(history.points, following):
        until = risen or history.until
        if until < opens or at > closes or moment is None:
            continue
        is_thinned = history.is_continuous and risen is not None and risen - at < THINNED
        seen = at if is_thinned else min(until, closes)
        if seen < opens:
            continue
        worst = max(worst or timedelta(0), seen - moment)
    return None if worst is None else worst / history.promise


def _x(at: datetime, begin: datetime) -> float:
    return round(WIDTH * ((at - begin) / HISTORY), 1)


def _y(used: float) -> float:
    return round(HEIGHT * (1 - min(max(used, 0.0), TOP) / TOP), 1)
