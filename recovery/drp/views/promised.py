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
    due = since + rto if since else None
    view = PromiseView(one.name, rto, rpo, due, None, is_back=serves)
    mine = [
        target for target in targets if target.covers is not None and target.covers == one.covers
    ]
    at = back_at(mine, since) if since and (serves or row.ended_at) else None
    if since and at:
        return PromiseView(
            one.name, rto, rpo, due, at <= since + rto, is_back=True, took=at - since
        )
    if row.ended_at and due:
        return PromiseView(one.name, rto, rpo, due, row.ended_at <= due)
    return view


def back_at(targets: Sequence[TargetFact], since: datetime) -> datetime | None:
    """When the last of these served again; None: one does not, or nobody knows since when."""
    found = [_served_at(one, since) for one in targets]
    known = [at for at in found if at is not None]
    return max(known) if known and len(known) == len(found) else None


def _served_at(one: TargetFact, since: datetime) -> datetime | None:
    if one.out_since is not None:
        return None
    if one.gaps:
        last = max(one.gaps, key=lambda gap: gap.ended)
        return max(last.ended, since) if last.is_end_seen else None
    return since if one.is_measured else None
