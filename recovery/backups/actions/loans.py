"""Volumes of snapshots that are lent to restores: asked for first, given back whatever happens."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import OperationalError
from psycopg.errors import LockNotAvailable

from recovery.audit.facts import Actor
from recovery.backups.facts import LoanState, SnapshotState
from recovery.backups.models import BackupReplica, Loan, SnapshotRun
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused


def borrow_volume(
    *, replica: BackupReplica, borrower: UUID, actor: Actor, reason: str, now: datetime
) -> Loan:
    """Intent before act: the row stands before the provider is asked. Of the newest snapshot that
    is kept. In the caller's transaction."""
    kept = SnapshotRun.objects.filter(replica=replica, state=SnapshotState.KEPT)
    newest = kept.order_by("-begun_at").first()
    if newest is None:
        raise Refused(f"No snapshot of {replica.database} is kept.")
    row = Loan(replica=replica, borrower=borrower, snapshot=newest.snapshot, asked_at=now)
    return transitions.create([row], actor=actor, reason=reason, now=now)[0]


def lend_volume(*, loan: Loan, volume: str, actor: Actor, now: datetime) -> Loan:
    """It is there, and can be read."""
    return transitions.move(
        loan,
        LoanState.READY,
        changes={"volume": volume, "said": ""},
        actor=actor,
        reason=f"{volume} was made of {loan.snapshot}.",
        now=now,
    )


def tell_loan(*, loan: Loan, said: str, actor: Actor, now: datetime) -> Loan:
    """What it waits for; written where it differs."""
    if loan.said == said:
        return loan
    return transitions.amend(
        loan, {"said": said}, action="told", actor=actor, reason=said or "It goes on.", now=now
    )


def end_loan(*, borrower: UUID, actor: Actor, reason: str, now: datetime) -> None:
    """Nobody needs it any more; nothing where nobody borrowed. `Conflict` while a worker is at it:
    it may hold the row as long as a provider is slow, and the leader waits for no provider. In the
    caller's transaction."""
    rows = Loan.objects.select_for_update(nowait=True).filter(borrower=borrower)
    try:
        held = list(rows.filter(state__in=[LoanState.WANTED, LoanState.READY]))
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise Conflict("A worker asks the provider about its volume just now.") from error
    for row in held:
        transitions.move(row, LoanState.OVER, actor=actor, reason=reason, now=now)


def forget_loan(*, loan: Loan, actor: Actor, now: datetime) -> Loan:
    """The provider has nothing of it."""
    return transitions.move(
        loan,
        LoanState.GONE,
        changes={"ended_at": now, "said": ""},
        actor=actor,
        reason="The provider has nothing of it any more.",
        now=now,
    )
