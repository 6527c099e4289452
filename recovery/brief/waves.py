"""How long coming back would take, wave by wave, from what was measured here. Pure.

Invariant: a time rests on measurements that are named; where there is none it is not known, and a
wave in which something is not known is a lower bound and says of how many.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import ceil
from statistics import median
from typing import TypeVar

from recovery.backups.words import counted, instant, spoken
from recovery.brief.facts import FitFact, Measured, Past, Way
from recovery.brief.parts import Loss, Wave
from recovery.inventory.facts import Plan

TEN = 10
SEVERAL = 3
STALLED = 10
"""So many times what half of them took: it stood still."""
Amount = TypeVar("Amount", int, float)
PROMOTED_AT_ONCE = 20
"""The governor's limit."""


def waves(found: Sequence[Loss], fit: FitFact | None, past: Past) -> tuple[Wave, ...]:
    """Standbys, business databases from archives, containers, then starter databases; empty ones
    are left out."""
    by_priority = sorted(found, key=lambda one: (-one.priority, one.database))
    promoted = [one for one in by_priority if one.way is Way.PROMOTE]
    restored = [one for one in by_priority if one.way is Way.RESTORE]
    business = [one for one in restored if one.plan is Plan.BUSINESS]
    starter = [one for one in restored if one.plan is not Plan.BUSINESS]
    made = (
        _promote(promoted, past.promotions),
        _restore("restore business", business, past),
        _start(fit, past.starts),
        _restore("restore starter", starter, past),
    )
    return tuple(wave for wave in made if wave is not None and wave.count)


def total(found: Sequence[Wave]) -> tuple[int | None, bool]:
    """One after another: seconds, and whether that is a lower bound. None: nothing is known."""
    known = [wave.seconds for wave in found if wave.seconds is not None]
    is_floor = any(wave.is_floor or wave.seconds is None for wave in found)
    if not found:
        return 0, False
    return (sum(known) if known else None), is_floor


def ground(past: Past) -> str:
    """What drills say of it."""
    if not past.drills:
        kinds = (
            (past.promotions, "failover"),
            (past.restores, "restore"),
            (past.starts, "container start"),
        )
        parts = [counted(len(k.values), name) for k, name in kinds if k.values]
        measured = f"from {', '.join(parts)} measured here" if parts else "and nothing was measured"
        return f"no drill yet: {measured}"
    last = max(past.drills, key=lambda one: one.at)
    return f"{last.name} on {instant(last.at)} took {spoken_seconds(last.seconds)}"


def spoken_seconds(seconds: int) -> str:
    """41 s, 43 min, 3 h, 2 days."""
    return spoken(timedelta(seconds=seconds))


def steady(durations: Sequence[float]) -> tuple[float, ...]:
    """Those that say how long it takes: where there are several, one that took ten times what half
    of them took stood still, for its machine or for a person, and would be taken for all."""
    if len(durations) < SEVERAL:
        return tuple(durations)
    most = STALLED * median(durations)
    return tuple(one for one in durations if one <= most)


def slow(values: Sequence[Amount]) -> Amount | None:
    """What nine of ten stayed under; None where nothing was measured."""
    ranked = sorted(values)
    return ranked[ceil(0.9 * len(ranked)) - 1] if ranked else None


def _promote(found: Sequence[Loss], measured: Measured) -> Wave:
    one = slow(steady(measured.values))
    rounds = ceil(len(found) / PROMOTED_AT_ONCE)
    return Wave(
        verb="promote",
        count=len(found),
        names=tuple(loss.database for loss in found),
        seconds=None if one is None else ceil(rounds * one / 1000),
        unknown=len(found) if one is None else 0,
        ground=_said(measured, "failover", "No failover was measured here yet"),
        is_final=True,
    )


def _restore(verb: str, found: Sequence[Loss], past: Past) -> Wave:
    """Read one after another, at the speed that nine of ten restores reached; everything else side
    by side. Where nobody measured that, no time is more than a lower bound."""
    measured, rest = past.restores, slow(steady(past.besides.values))
    for_a_byte = slow(steady([1 / value for value in measured.values]))
    speed = None if for_a_byte is None else 1 / for_a_byte
    sizes = [loss.bytes for loss in found if loss.bytes is not None]
    seconds = None if speed is None or not sizes else max(1, ceil(round(sum(sizes) / speed, 3)))
    none_yet = "No restore was measured here yet"
    said = _said(measured, "restore", none_yet)
    if speed is not None:
        said = f"One after another at {_pace(speed)}; {said[:1].lower()}{said[1:]}"
        said += _besides(rest)
    if seconds is not None and rest is not None:
        seconds += ceil(rest / 1000)
    if found and len(sizes) < len(found):
        said += f". The size of {len(found) - len(sizes)} is not known"
    return Wave(
        verb=verb,
        count=len(found),
        names=tuple(loss.database for loss in found),
        seconds=seconds,
        unknown=len(found) if None in {speed, rest} else len(found) - len(sizes),
        ground=said,
        is_final=True,
    )


def _besides(rest: float | None) -> str:
    if rest is None:
        return ". What a restore takes beside its reading was not measured here yet"
    took = spoken_seconds(max(1, ceil(rest / 1000)))
    return f"; and {took}, side by side, to choose, check and lead users there"


def _start(fit: FitFact | None, measured: Measured) -> Wave | None:
    if fit is None:
        return None
    one = slow(steady(measured.values))
    rounds = ceil(fit.moved / max(1, fit.at_once))
    said = _said(measured, "start", "No start was measured here yet")
    return Wave(
        verb="start",
        count=fit.moved,
        names=(),
        seconds=None if one is None else ceil(rounds * one / 1000),
        unknown=fit.moved if one is None else 0,
        ground=f"At most {fit.at_once} at once; {said[:1].lower()}{said[1:]}",
    )


def _said(measured: Measured, what: str, none_yet: str) -> str:
    if not measured.values:
        return none_yet
    still = len(measured.values) - len(_durations(measured, what))
    newest = f", the newest {instant(measured.newest)}" if measured.newest else ""
    many = len(measured.values) - still
    if many == 1:
        return f"As the one {what} here took{newest.replace(', the newest', ', on')}"
    which = "The slowest" if many < TEN else "Slower than nine of ten"
    left = f"; {still} that stood still left out" if still else ""
    return f"{which} of {many} {what}s here{newest}{left}"


def _durations(measured: Measured, what: str) -> tuple[float, ...]:
    """A restore is measured by its speed."""
    return steady([1 / value if what == "restore" else value for value in measured.values])


def _pace(speed: float) -> str:
    """80 MB/s, 40 kB/s: never a speed of nothing."""
    return f"{speed / 1e6:.0f} MB/s" if speed >= 1e6 else f"{max(1, round(speed / 1e3))} kB/s"
