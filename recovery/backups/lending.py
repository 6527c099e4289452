"""Volumes for restores out of a provider's snapshots: one step of each loan.

The provider's keys stay with the control plane: a host that may make and delete volumes could
delete every snapshot too. A host is told of a folder, and reads it.

Invariant: a row stands before the first call, and what a loan has made bears its id as a tag; so
whoever was killed between a call and its row goes on, doubles nothing, and leaves nothing behind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db import transaction

from recovery.audit.facts import Actor
from recovery.backups import actions
from recovery.backups.facts import LoanState, StoreKind
from recovery.backups.models import Loan, Store
from recovery.backups.snapshots import DATABASE, OUTSIDE, Outside
from recovery.core.alone import alone_with
from recovery.core.errors import Conflict, TocsinError
from recovery.core.ports import SnapshotProvider
from recovery.core.ports.snapshots import LOAN_TAG, Volume

ACTOR = Actor("worker", "snapshot volumes")
USE, RESTORE = "tocsin-use", "restore"
"""A tag of every volume that was made for a restore, whichever."""
OPEN = (LoanState.WANTED, LoanState.READY)


class Act(StrEnum):
    MAKE = "make"
    LEND = "lend"
    DELETE = "delete"
    FORGET = "forget"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Step:
    """`volume`: the one that is lent; `spare`: those to be deleted."""

    act: Act
    volume: str = ""
    spare: tuple[str, ...] = ()


def next_step(state: LoanState, made: Sequence[Volume]) -> Step:
    """By what the provider has of this loan. Of several the one with the least name stays."""
    if state is LoanState.OVER:
        every = tuple(one.id for one in made)
        return Step(Act.DELETE, spare=every) if every else Step(Act.FORGET)
    broken = tuple(one.id for one in made if one.is_broken)
    if broken:
        return Step(Act.DELETE, spare=broken)
    ready = min((one.id for one in made if one.is_ready), default="")
    if state is LoanState.WANTED and ready:
        return Step(Act.LEND, ready, tuple(one.id for one in made if one.id != ready))
    if state is LoanState.WANTED and not made:
        return Step(Act.MAKE)
    return Step(Act.WAIT)


def lend_volumes(*, outside: Outside = OUTSIDE, now: datetime) -> int:
    """One step of each unfinished loan; their number."""
    keys = list(Loan.objects.exclude(state=LoanState.GONE).values_list("pk", flat=True))
    for key in keys:
        _go_on(key, outside, now)
    return len(keys)


def _go_on(key: UUID, outside: Outside, now: datetime) -> None:
    """The provider is asked while no row is held, for the leader ends loans and waits for no
    provider. What was ended meanwhile is not written: the next round looks at it again."""
    with alone_with(f"loan:{key}") as is_ours:
        rows = Loan.objects.exclude(state=LoanState.GONE)
        loan = rows.select_related("replica__store", "replica__database").filter(pk=key).first()
        if loan is None or not is_ours:
            return
        step, said = Step(Act.WAIT), ""
        try:
            step = _asked(loan, outside.provider(loan.replica.store))
        except TocsinError as error:
            said = str(error)
        with contextlib.suppress(Conflict), transaction.atomic():
            _write(loan, step, said, now)


def _asked(loan: Loan, there: SnapshotProvider) -> Step:
    """What was done at the provider, and what is to be written of it."""
    step = next_step(LoanState(loan.state), there.made({LOAN_TAG: str(loan.pk)}))
    for spare in step.spare:
        there.delete_volume(spare)
    if step.act is Act.MAKE:
        tags = {DATABASE: loan.replica.archive, LOAN_TAG: str(loan.pk), USE: RESTORE}
        there.create_volume(loan.snapshot, tags)
    return step


def _write(loan: Loan, step: Step, said: str, now: datetime) -> None:
    """`Conflict` where the row is no longer as it was when the provider was asked. `said`: what the
    provider said instead."""
    if step.act is Act.LEND:
        actions.lend_volume(loan=loan, volume=step.volume, actor=ACTOR, now=now)
    elif step.act is Act.FORGET:
        actions.forget_loan(loan=loan, actor=ACTOR, now=now)
    elif loan.state != LoanState.READY:
        is_over = step.act is Act.DELETE and loan.state == LoanState.OVER
        waits = f"A volume is being made of {loan.snapshot}."
        said = said or ("Its volume is being deleted." if is_over else waits)
        actions.tell_loan(loan=loan, said=said, actor=ACTOR, now=now)


def sweep_volumes(*, outside: Outside = OUTSIDE) -> int:
    """What was made for restores that no row knows of any more (rows were restored) goes too;
    the number of such volumes."""
    return sum(
        _swept(outside.provider(store)) for store in Store.objects.filter(kind=StoreKind.SNAPSHOT)
    )


def _swept(there: SnapshotProvider) -> int:
    try:
        made = there.made({USE: RESTORE})
        known = {str(key) for key in Loan.objects.values_list("pk", flat=True)} if made else set()
        orphans = [one for one in made if one.tags.get(LOAN_TAG) not in known]
        for one in orphans:
            there.delete_volume(one.id)
    except TocsinError:
        return 0  # the next round sees the same
    return len(orphans)
