"""How old recovery points were over the last day or week, as lines: parts of their promise. Pure.

Every replica is drawn on one scale, the part of its own promise that was used, so that seconds and
hours can be looked at together. Where nobody looked there is a gap; where nothing could be restored
the line is at the top, as the worst that there is, and marked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from math import inf

from recovery.backups.ages import HISTORY, WEEK, History, Week

HOUR = timedelta(hours=1)
STEPS = 144
STEP = HISTORY / STEPS
AXES = (
    (HOUR, timedelta(minutes=1), timedelta(minutes=15)),
    (6 * HOUR, timedelta(minutes=2.5), HOUR),
    (HISTORY, STEP, 6 * HOUR),
)
"""Of a day's plot: its span, a step, from tick to tick. A new installation is drawn over the
shortest that has all that was noted: else it is a dot at the edge of a day."""
THINNED = timedelta(seconds=90)
"""The history has a row a minute at most: between two rows so near the point rose too."""
WIDTH, HEIGHT, TOP = 720, 150, 1.25
"""Of the drawing; at its top one and a quarter of a promise."""
LINES = 84
"""Parts of a hundred of its height that the lines have."""
EDGE = 6.0
"""Parts of a hundred: an hour nearer to an end would be written beyond it on a phone."""


NOTHING = inf
"""Used of a promise where there is nothing to restore."""
Step = tuple[datetime, datetime, float | None]
"""From when to when, and the part of the promise that was used in it; None: nobody looked."""


@dataclass(frozen=True, slots=True)
class Line:
    """One replica: `parts`: strokes that hang together; `nothing`: from where to where there was
    nothing to restore; `said`: for who cannot see them."""

    number: int
    parts: tuple[str, ...]
    nothing: tuple[tuple[float, float], ...]
    said: str


@dataclass(frozen=True, slots=True)
class Tick:
    """An hour or a day at the foot; `x`: in parts of a hundred."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    """`full`: where a whole promise is used, `half`: where half of it is; `since`: from when on
    anything was noted, where that is not all of the day."""

    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    full: float
    half: float
    since: datetime | None = None

    @property
    def has_nothing(self) -> bool:
        """Some replica, at some time, had nothing to restore."""
        return any(line.nothing for line in self.lines)

    @property
    def full_at(self) -> float:
        """In parts of a hundred of the whole figure, whose foot has the hours."""
        return round(LINES * self.full / HEIGHT, 1)

    @property
    def half_at(self) -> float:
        return round(LINES * self.half / HEIGHT, 1)


def draw_ages(histories: Sequence[History]) -> Plot | None:
    """The last day up to the newest look, or as much of it as was noted; None where nothing was
    ever read."""
    if not histories:
        return None
    until = max(one.until for one in histories)
    noted = min((one.points[0][0] for one in histories if one.points), default=until)
    span, step, apart = next((one for one in AXES if until - noted <= one[0] - one[1]), AXES[-1])
    end = _step_after(until, step)
    begin = end - span
    first = _step_after(begin, apart)
    at = (first + n * apart for n in range(span // apart))
    ticks = tuple(Tick(_share(one, begin, span), f"{one:%H:%M}") for one in at)
    lines = [_line(one.number, _of_a_day(one, begin, span, step), begin, span) for one in histories]
    return _plot(lines, ticks, noted if span < HISTORY else None)


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


def _of_a_day(
    history: History, begin: datetime, span: timedelta, step: timedelta
) -> Iterator[Step]:
    for number in range(span // step):
        opens = begin + number * step
        used = used_between(history, opens, min(opens + step, history.until))
        yield opens, opens + step, used


def _of_a_week(one: Week, begin: datetime) -> Iterator[Step]:
    """An hour at which nobody looked is unknown."""
    known = {hour: NOTHING if worst is None else worst / one.promise for hour, worst in one.hours}
    for number in range(WEEK // HOUR):
        hour = begin + number * HOUR
        yield hour, hour + HOUR, known.get(hour)


def _plot(lines: Sequence[Line], ticks: Sequence[Tick], since: datetime | None = None) -> Plot:
    within = tuple(tick for tick in ticks if EDGE <= tick.x <= 100 - EDGE)
    return Plot(tuple(lines), within, _y(1.0), _y(0.5), since)


def _step_after(at: datetime, step: timedelta) -> datetime:
    """On the grid, so that lines do not tremble with each look."""
    seconds = step.total_seconds()
    return at + timedelta(seconds=seconds - at.timestamp() % seconds)


def _line(number: int, steps: Iterable[Step], begin: datetime, span: timedelta) -> Line:
    parts: list[list[tuple[float, float, float]]] = [[]]
    nothing: list[tuple[float, float]] = []
    found: list[float] = []
    for opens, closes, used in steps:
        if used is None:
            parts.append([])
            continue
        left, right = _x(opens, begin, span), _x(closes, begin, span)
        found.append(used)
        parts[-1].append((left, right, _y(used)))
        if used == NOTHING:
            joins = nothing and nothing[-1][1] == left
            nothing.append((nothing.pop()[0] if joins else left, right))
    strokes = tuple(_stroke(part) for part in parts if part)
    return Line(number, strokes, tuple(nothing), _said(number, found))


def _stroke(part: Sequence[tuple[float, float, float]]) -> str:
    """What is known of one step alone is drawn over its whole length: a point is not painted."""
    points = [(right, y) for _, right, y in part]
    if len(part) == 1:
        points.insert(0, (part[0][0], part[0][2]))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _said(number: int, found: Sequence[float]) -> str:
    """`found`: what was used of its promise, step after step."""
    known = [used for used in found if used != NOTHING]
    most = f"used at most {max(known):.0%} of its promise" if known else ""
    if len(known) == len(found):
        return f"replica {number} {most or 'was not looked at'}"
    return f"replica {number} had nothing to restore{f' at times, else it {most}' if most else ''}"


def used_between(history: History, opens: datetime, closes: datetime) -> float | None:
    """The largest part of the promise that was used between the two; None: nobody had looked."""
    if closes <= opens:
        return None
    worst: timedelta | None = None
    following = [at for at, _ in history.points[1:]]
    for (at, moment), risen in zip_longest(history.points, following):
        until = risen or history.until
        if until < opens or at > closes:
            continue
        if moment is None:
            if until > opens or risen is None:
                return NOTHING
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


def _x(at: datetime, begin: datetime, span: timedelta) -> float:
    return round(WIDTH * _share(at, begin, span) / 100, 1)


def _y(used: float) -> float:
    return round(HEIGHT * (1 - min(max(used, 0.0), TOP) / TOP), 1)
