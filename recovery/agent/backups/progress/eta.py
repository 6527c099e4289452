"""When a restore will be done, by what is really left of it. Pure.

What is brought passes a store, then a disk, side by side: the slower of the two says how long it
takes. The base goes past the page cache, the log after it into it, at a pace of its own; then the
log is replayed, and the whole is proven. What runs is measured as it runs; what has not begun is
held to go as it went in this host's last restore, or as most do.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

Point = tuple[float, int]
"""Seconds of some clock, and the bytes that were done then."""

FIRST_SHARE = 0.1
"""Before so much has come, and so much of the time is over, nobody says anything."""
_RECENT = 0.5
"""How much of what was done counts as recent."""
_TRUST = 2
"""Whatever has a pace from the last restore is measured alone once this part of it is done."""
_LEAST = 1.0
"""Bytes a second; what stands still is not divided by."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Bytes of one kind: `points`, in order, from its beginning; `total` of them in the end."""

    total: int
    points: tuple[Point, ...] = ()

    @property
    def done(self) -> int:
        return self.points[-1][1] if self.points else 0

    @property
    def left(self) -> int:
        return max(0, self.total - self.done)


@dataclass(frozen=True, slots=True)
class Paces:
    """Of what comes after the base. `replay`: bytes of the log a second; `proof`: seconds to start
    a server, ask it, end it and put its data in place; `log`: bytes of the log a second until they
    are safe, 0: as the base. `is_measured`: on this host; else it is what most do, and one may need
    four times as long."""

    replay: float = 300e6
    proof: float = 0.4
    is_measured: bool = False
    log: float = 0.0


def seconds_left(
    came: Flow,
    safe: Flow,
    replayed: Flow,
    paces: Paces,
    *,
    now: float,
    proof_since: float | None,
    log: int = 0,
) -> float | None:
    """Until its data are in place; None while it is measured: before a tenth has come, before the
    disk has taken anything for good, before a tenth of all the time that it would take by this very
    word is over, and while more than a tenth of it is only what most hosts need. `log`: so much of
    what is brought is the log, which comes last; `proof_since`: when the replay ended."""
    since = now - came.points[0][0] if came.points else 0.0
    if proof_since is not None:
        left = max(0.0, paces.proof - (now - proof_since))
        return left if paces.is_measured or paces.proof <= FIRST_SHARE * since else None
    if (came.left or safe.left) and (came.done < FIRST_SHARE * came.total or not safe.done):
        return None
    brought = max(_until(came, log, paces, now), _until(safe, log, paces, now))
    replay = _replay(replayed, paces.replay, now)
    left = brought + replay + paces.proof
    tenth = FIRST_SHARE * (since + left)
    guessed = 0.0 if paces.is_measured else (1 - _known(replayed)) * replay + paces.proof
    return left if since >= tenth >= guessed else None


def _until(flow: Flow, log: int, paces: Paces, now: float) -> float:
    """Seconds until all of it is done: the rest of the base as it went so far, the log as in the
    last restore and, the more of it is done, as it goes."""
    if not flow.left or not flow.points:
        return 0.0
    base, after = _parted(flow, log)
    is_base = not after.done
    speed = pace_of(base, now if is_base else base[-1][0])
    if speed is None:
        return 0.0
    known = min(paces.log or speed, speed)
    if not is_base:
        return _left(after, known, now)
    rest = max(0, flow.left - log) / max(_LEAST, speed) + log / max(_LEAST, known)
    return max(0.0, rest - (now - flow.points[-1][0]))


def _parted(flow: Flow, log: int) -> tuple[tuple[Point, ...], Flow]:
    """The base's points, and the log that comes after it."""
    at = bisect_right(flow.points, flow.total - log, key=itemgetter(1))
    base, first = flow.points[: max(1, at)], flow.points[max(0, at - 1)][1]
    points = tuple((when, done - first) for when, done in flow.points[max(0, at - 1) :])
    return base, Flow(flow.total - first, points)


def _replay(flow: Flow, speed: float, now: float) -> float:
    return _left(flow, speed, now) if flow.left else 0.0


def _left(flow: Flow, speed: float, now: float) -> float:
    """Seconds for what is left of it. What is measured counts the more, the more of it is done."""
    measured = pace_of(flow.points, now)
    if measured:
        share = _known(flow)
        speed = 1 / (share / measured + (1 - share) / speed)
    since = now - flow.points[-1][0] if flow.points else 0.0
    return max(0.0, flow.left / max(_LEAST, speed) - since)


def _known(flow: Flow) -> float:
    """How much what was measured of it counts."""
    return min(1.0, _TRUST * flow.done / flow.total) if flow.total else 1.0


def pace_of(points: Sequence[Point], now: float) -> float | None:
    """Bytes a second, as it goes on: half by all that was done, half by the later half of it. What
    has come to a halt grows slower as one looks; None where nothing can be said yet."""
    if len(points) < 2 or points[-1][1] <= points[0][1]:
        return None
    whole = _slope(points[0], points[-1])
    middle = points[0][1] + (points[-1][1] - points[0][1]) * (1 - _RECENT)
    begin = points[bisect_right(points, middle, hi=len(points) - 1, key=itemgetter(1)) - 1]
    speed = 2 / (1 / whole + 1 / _slope(begin, points[-1]))
    halt = now - points[-1][0]
    gap = 4 * (points[-1][0] - points[0][0]) / (len(points) - 1)
    if halt > gap:
        stretched = points[-1][0] - points[0][0] + halt
        speed = min(speed, (points[-1][1] - points[0][1]) / stretched)
    return speed


def _slope(one: Point, other: Point) -> float:
    return (other[1] - one[1]) / max(1e-6, other[0] - one[0])
