"""What a run's plan promises of each service: kept, broken, or still owed.

Invariant: a promise is kept once all that it is about serves again, by what the services' own users
saw; who nobody measured is owed until it is seen to serve, and what is away again is owed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery.drp.facts import Mode
from recovery.drp.models import Run
from recovery.drp.plan import Plan
from recovery.drp.queries.people import database_now
from recovery.drp.queries.promises import back
from recovery.drp.queries.served import Window, targets_of
from recovery.drp.queries.world import world_of
from recovery.drp.reports.facts import TargetFact
from recovery.drp.runbooks.schema import Runbook, Service


@dataclass(frozen=True, slots=True)
class PromiseView:
    """What the plan promises for one kind of service; `due`: until when it has to be back. `took`:
    how long it was away, once all of it serves, as far as that was measured (`is_back`: it serves,
    measured or not)."""

    name: str
    rto: timedelta
    rpo: timedelta
    due: datetime | None
    is_kept: bool | None
    is_back: bool = False
    took: timedelta | None = None


def promises_of(
    row: Run, plan: Plan, book: Runbook, since: datetime | None
) -> tuple[PromiseView, ...]:
    """In the plan's order. In a drill and in a planned move nobody of production waits for it."""
    targets: tuple[TargetFact, ...] = ()
    serving: frozenset[str] = frozenset()
    if row.mode == Mode.DISASTER and since and row.started_at:
        now = database_now()
        targets = targets_of(plan, {}, Window(since, row.started_at, row.ended_at or now))
        if row.ended_at is None:
            serving = back(row, world_of(plan), now)
    return tuple(
        _promise(row, one, since, targets, one.name in serving) for one in book.plan.services
    )


def _promise(
    row: Run, one: Service, since: datetime | None, targets: Sequence[TargetFact], serves: bool
) -> PromiseView:
    rto, rpo = timedelta(seconds=one.rto), timedelta(seconds=one.rpo)
    is_down = row.mode != Mode.PLANNED  # what people move serves meanwhile: no clock runs
    due = since + rto if since and is_down else None
    view = PromiseView(one.name, rto, rpo, due, None, is_back=serves)
    mine = [
        target for target in targets if target.covers is not None and target.covers == one.covers
    ]
    took = away_for(mine, since) if since and (serves or row.ended_at) else None
    if took is not None:
        return PromiseView(one.name, rto, rpo, due, took <= rto, is_back=True, took=took)
    if row.ended_at and due:
        return PromiseView(one.name, rto, rpo, due, row.ended_at <= due)
    return view


def away_for(targets: Sequence[TargetFact], since: datetime) -> timedelta | None:
    """For how long the users of these were without one of them at the longest, from the loss; None:
    one does not serve, or nobody knows for how long.

    The longest time and not the last: a hiccup of a second long after is no part of a recovery, and
    the report measures so, too."""
    found = [_away_for(one, since) for one in targets]
    known = [span for span in found if span is not None]
    return max(known) if known and len(known) == len(found) else None


def _away_for(one: TargetFact, since: datetime) -> timedelta | None:
    if one.out_since is not None or any(not gap.is_end_seen for gap in one.gaps):
        return None
    if one.gaps:
        return max(gap.ended - max(gap.began, since) for gap in one.gaps)
    return timedelta(0) if one.is_measured else None
