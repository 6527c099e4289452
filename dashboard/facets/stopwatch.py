"""From loss to service, phase by phase, as a bar. Pure.

Invariant: it is drawn from instants of rows alone; a phase that lasts has no length yet and is
drawn as open, so that the picture does not depend on the hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

OPEN_PERCENT = 12.0
"""How much of the width an open phase gets: it says that it lasts, not how long."""
STEPS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
TICKS_AT_MOST = 6


@dataclass(frozen=True, slots=True)
class Span:
    """What happened to one container, in instants: given a seat, answered from it."""

    planned_at: datetime
    running_at: datetime | None


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the bar, in percent of its width. `seconds` is None while it lasts."""

    name: str
    seconds: float | None
    left: float
    width: float
    row: int

    @property
    def said(self) -> str:
        return "lasts" if self.seconds is None else f"{self.seconds:.1f}\u00a0s"

    @property
    def middle(self) -> float:
        return round(self.left + self.width / 2, 2)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the axis."""

    label: str
    left: float


@dataclass(frozen=True, slots=True)
class Watch:
    """The bar: its phases in order, its axis, and the whole in seconds if it is over."""

    phases: tuple[Phase, ...]
    ticks: tuple[Tick, ...]
    whole: float | None
    limit: float | None = None
    """Where the promise ends, in percent of the width."""

    @property
    def said(self) -> str:
        """For who does not see it."""
        return ", ".join(f"{phase.name} {phase.said}" for phase in self.phases)


def clock_phases(
    silent: datetime, declared: datetime, moves: Sequence[Span], *, is_over: bool
) -> Watch:
    """Silent → declared → all placed → all answering. A seat begun on suspicion costs no time.

    `is_over`: everything is whole, so that without a move nothing had to move."""
    marks: list[tuple[str, datetime | None]] = [("detect", declared)]
    if not moves and not is_over:
        marks.append(("place", None))
    if moves:
        placed = max(declared, *(one.planned_at for one in moves))
        ends = [one.running_at for one in moves]
        known = [end for end in ends if end is not None]
        answering = max(placed, *known) if len(known) == len(ends) else None
        marks += [("place", placed), ("start", answering)]
    seconds: list[tuple[str, float | None]] = []
    before = silent
    for name, at in marks:
        seconds.append((name, None if at is None else max(0.0, (at - before).total_seconds())))
        before = at or before
    return _drawn(seconds)


def clock_marks(
    start: datetime,
    marks: Sequence[tuple[str, datetime | None]],
    *,
    end: datetime | None = None,
    promise: float | None = None,
) -> Watch:
    """Any phases, each until its mark; the first without one lasts, and what follows it has not
    begun. With `end` it is over: whatever was marked later cost nobody anything."""
    seconds: list[tuple[str, float | None]] = []
    before = start
    for name, at in marks:
        if at is None:
            if end is None:
                seconds.append((name, None))
                break
            continue
        upto = at if end is None else min(at, end)
        if upto > before:
            seconds.append((name, (upto - before).total_seconds()))
            before = upto
    if end is not None and end > before:
        seconds.append(("reconnect", (end - before).total_seconds()))
    return _drawn(seconds, promise)


def _drawn(seconds: Sequence[tuple[str, float | None]], promise: float | None = None) -> Watch:
    spent = sum(length or 0.0 for _, length in seconds)
    is_open = any(length is None for _, length in seconds)
    room = 100.0 - (OPEN_PERCENT if is_open else 0.0)
    known = max(spent, promise or 0.0)
    scale = room / (known or 1.0)
    phases, left = [], 0.0
    for row, (name, length) in enumerate(seconds):
        width = OPEN_PERCENT if length is None else length * scale
        phases.append(Phase(name, length, round(left, 2), round(width, 2), row))
        left += width
    limit = None if promise is None else round(promise * scale, 2)
    return Watch(tuple(phases), _ticks(known, scale), None if is_open else spent, limit)


def _ticks(known: float, scale: float) -> tuple[Tick, ...]:
    step = next((one for one in STEPS if known / one <= TICKS_AT_MOST), STEPS[-1])
    return tuple(
        Tick(f"{n * step:g}\u00a0s", round(n * step * scale, 2))
        for n in range(int(known / step) + 1)
        if n * step * scale <= 100
    )
