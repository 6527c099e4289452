"""How old recovery points were over the last day or week, as lines: parts of their promise. Pure.

Every replica is drawn on one scale, the part of its own promise that was used, so that seconds and
hours can be looked at together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from recovery.backups.ages import HISTORY, WEEK, History, Week

STEPS = 144
STEP = HISTORY / STEPS
HOUR = timedelta(hours=1)
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
    """An hour or a day at the foot; `x`: in parts of a hundred."""

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
    first = begin.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    hours = (first + timedelta(hours=n) for n in range(24))
    ticks = tuple(
        Tick(_share(hour, begin, HISTORY), f"{hour:%H:%M}") for hour in hours if hour.hour % 6 == 0
    )
    return _plot(
        [_line(one.number, _of_a_day(one, begin), begin, HISTORY) for one in histories], ticks
    )


def draw_week(weeks: Sequence[Week]) -> Plot | None:
    """The last seven days, hour by hour; None where nothing was ever read."""
    if not weeks:
        return None
    end = max(one.until for one in weeks).replace(minute=0, second=0, microsecond=0) + HOUR
    begin = end - WEEK
    midnight = begin.replace(hour=0) + timedelta(days=1)
    days = (midnight + timedelta(days=n) for n in range(7))
    ticks = tuple(
        Tick(_share(day, begin, WEEK), f"{day:%d}\u00a0{day:%b}".lstrip("0")) for day in days
    )
    return _plot([_line(one.number, _of_a_week(one, begin), begin, WEEK) for one in weeks], ticks)


def _of_a_day(history: History, begin: datetime) -> Iterator[tuple[datetime, float | None]]:
    for number in range(STEPS):
        opens = begin + number * STEP
        used = used_between(history, opens, min(opens + STEP, history.until))
        yield opens + STEP, used


def _of_a_week(one: Week, begin: datetime) -> Iterator[tuple[datetime, float | None]]:
    """An hour at which nobody looked is unknown."""
    known = dict(one.hours)
    for number in range(WEEK // HOUR):
        hour = begin + number * HOUR
        worst = known.get(hour)
        yield hour + HOUR, None if worst is None else worst / one.promise


def _plot(lines: Sequence[Line], ticks: Sequence[Tick]) -> Plot:
    within = tuple(tick for tick in ticks if EDGE <= tick.x <= 100 - EDGE)
    return Plot(tuple(lines), within, _y(1.0), _y(0.5))


def _step_after(at: datetime) -> datetime:
    """On the grid, so that lines do not tremble with each look."""
    seconds = STEP.total_seconds()
    return at + timedelta(seconds=seconds - at.timestamp() % seconds)


def _line(
    number: int,
    steps: Iterable[tuple[datetime, float | None]],
    begin: datetime,
    span: timedelta,
) -> Line:
    """`steps`: the end of each, and the part of the promise that was used in it."""
    parts: list[list[tuple[float, float]]] = [[]]
    worst = 0.0
    for at, used in steps:
        if used is None:
            parts.append([])
            continue
        worst = max(worst, used)
        parts[-1].append((round(WIDTH * _share(at, begin, span) / 100, 1), _y(used)))
    strokes = tuple(" ".join(f"{x:.1f},{y:.1f}" for x, y in part) for part in parts if part)
    said = f"replica {number} used at most {worst:.0%} of its promise"
    return Line(number, strokes, said)


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


def _share(at: datetime, begin: datetime, span: timedelta) -> float:
    """Of the whole, in parts of a hundred."""
    return round(100 * ((at - begin) / span), 2)


def _y(used: float) -> float:
    return round(HEIGHT * (1 - min(max(used, 0.0), TOP) / TOP), 1)
