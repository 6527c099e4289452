"""Copies that would lose less than what a plan chose, and that came back after it was made. Pure.

Invariant: it only says so. A plan that people sign is never another by itself: whoever wants the
better copy plans anew. A promotion takes the best of what takes over by itself, and a restore the
newest of the replica that it names: neither is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery.brief.losses import span
from recovery.drp.facts import Kind, Mode
from recovery.drp.plan import Plan, Quote
from recovery.drp.planning.inventory import DatabaseSight, Inventory

SLACK = timedelta(seconds=5)
"""Nobody plans anew for less."""
TAKING = frozenset({Kind.RESTORE_DATABASES, Kind.PROMOTE_DATABASES})


@dataclass(frozen=True, slots=True)
class Better:
    """`lost`: by this copy, `quoted`: by the plan, None: nobody can tell; `site`: the datacenter
    that would have to take over for it, "": the one that does."""

    name: str
    source: str
    lost: timedelta
    quoted: timedelta | None
    site: str = ""

    @property
    def copy(self) -> str:
        """Which one, whatever is known of it by now."""
        return f"{self.source} of {self.name}"

    @property
    def said(self) -> str:
        """In a sentence."""
        instead = "nobody knows how much" if self.quoted is None else span(self.quoted)
        loses = f"{self.source} would lose {span(self.lost)} of {self.name} instead of {instead}"
        if self.site:
            return f"A better copy is there: {loses}, if {self.site} took over."
        return f"A better copy is back: {loses}."


def better(
    approved: Plan, now: Plan, there: Inventory, *, ended: Collection[str], ours: Collection[str]
) -> tuple[Better, ...]:
    """Of each database that is still to come, the best one. `ended`: steps that are over; `ours`:
    keys of targets that this run has brought somewhere, or has begun with."""
    if approved.mode not in {Mode.DISASTER, Mode.PLANNED}:
        return ()
    over = {*ours, *_taken(approved, ended)}
    rows = {row.id: row for row in there.databases}
    todo = [one for one in approved.quotes if f"database:{one.database}" not in over]
    found = [(one, max(_copies(one, now, rows.get(one.database)), default=None)) for one in todo]
    return tuple(
        Better(quote.name, best.source, best.lost, _lost(quote), best.site)
        for quote, best in found
        if best is not None
    )


def _taken(plan: Plan, ended: Collection[str]) -> Iterator[str]:
    """Keys of what steps that are over were to bring back."""
    for step in plan.steps:
        if step.id in ended and step.kind in TAKING:
            yield from (target.key for wave in step.waves for target in wave)


@dataclass(frozen=True, slots=True, order=True)
class _Copy:
    """The better one goes further; of two that go as far, the one where the plan goes."""

    at: datetime
    is_here: bool
    source: str
    lost: timedelta
    site: str


def _copies(quote: Quote, now: Plan, row: DatabaseSight | None) -> Iterator[_Copy]:
    """All that are better than what was quoted."""
    return (one for one in _others(quote, now, row) if _is_better(one, quote))


def _others(quote: Quote, now: Plan, row: DatabaseSight | None) -> Iterator[_Copy]:
    for one in now.quotes:
        is_same = one.source == quote.source or one.way == quote.way == "promote"
        lost = _lost(one)
        if one.database == quote.database and not is_same and lost is not None and one.moment:
            yield _Copy(datetime.fromisoformat(one.moment), True, one.source, lost, "")
    for copy in row.copies if row else ():
        elsewhere = copy.site not in {now.lost.name, now.into.name}
        if elsewhere and copy.at is not None and copy.lost is not None:
            yield _Copy(copy.at, False, copy.source, copy.lost, copy.site)


def _is_better(copy: _Copy, quote: Quote) -> bool:
    """It goes further back to now, and loses less than was quoted: that somebody learnt since when
    exactly the primary died makes no copy better."""
    if not quote.moment:
        return True
    lost = _lost(quote)
    if lost is None or copy.lost > lost - SLACK:
        return False
    return copy.at > datetime.fromisoformat(quote.moment) + SLACK


def _lost(quote: Quote) -> timedelta | None:
    return None if quote.lost_ms is None else timedelta(milliseconds=quote.lost_ms)
