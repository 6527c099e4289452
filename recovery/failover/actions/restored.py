"""A business database leads alone from what was restored: elsewhere, where it lost every copy, or
in its own place, at a moment that two people chose.

Invariants: in one transaction the lease of the old primary is revoked at the very number that was
judged (B1), and the epoch is above all before (I-DB-3). Elsewhere every old copy is out of its
lists for good, so that whoever comes back is told of it no more: its server ends and its data stay
where they are. In place the other copies are set apart with their data, and given up only once what
was restored is seen to serve: until then there is a way back to all of them. It has no standby, so
it is recorded as degraded: it lives by no lease, nobody is promoted, and it goes on without us
(I-DB-7) until a standby holds everything again.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict
from recovery.failover.actions.epochs import raise_epoch, set_role
from recovery.failover.actions.failovers import advance_failover
from recovery.failover.actions.leases import revoke_lease
from recovery.failover.models import Failover, Lease
from recovery.failover.phases import UNFINISHED, Phase
from recovery.inventory.actions import retire_replica
from recovery.inventory.facts import DatabaseState, ReplicaState, Role
from recovery.inventory.models import Database, Epoch, Host, Replica

ALONE = "It was restored from a backup and has no standby yet: nobody could take over from it."
APART = "Its standbys are set apart while a restore takes its place: nobody could take over."
BACK = "A restore in its place was given up: nobody could take over until a standby follows."


def lead_alone(
    row: Database,
    led: Replica,
    host: Host,
    *,
    lease: tuple[int, int, int] | None,
    adopting: UUID | None = None,
    why: str,
    said: str,
    actor: Actor,
    now: datetime,
) -> Database:
    """`led`, who led it last, belongs on `host`. `lease`: as it was judged; None: none lives.
    `adopting`: the restore that takes the place of what it has there. In the caller's transaction,
    which holds the database's row."""
    _end_lease(row, lease, actor=actor, reason=why, now=now)
    _end_failover(row, actor=actor, reason=why, now=now)
    if adopting is None:
        _retire(row, led, actor=actor, reason=why, now=now)
    else:
        _set_apart(row, led, actor=actor, reason=why, now=now)
    changes = {"host": host, "role": str(Role.PRIMARY), "role_at": now, "reason": why}
    action = "restored in place" if adopting else "moved"
    replica = transitions.amend(led, changes, action=action, actor=actor, reason=why, now=now)
    return raise_epoch(
        database=row,
        replica=replica,
        state=DatabaseState.WAITING,
        changes={
            "degraded_at": now,
            "degraded_reason": ALONE if adopting is None else APART,
            "restoring_at": None,
            "adopting": adopting,
        },
        actor=actor,
        reason=said,
        now=now,
    )


def lead_again(
    row: Database, *, adopting: UUID, why: str, said: str, actor: Actor, now: datetime
) -> Database:
    """A starter database, from what takes the place of its data where it is: it had no lease, and
    its own agent ends what runs there before. In the caller's transaction."""
    assert row.primary is not None, "it was checked"
    changes = {"role_at": now, "reason": why}
    replica = transitions.amend(
        row.primary, changes, action="restored in place", actor=actor, reason=why, now=now
    )
    return raise_epoch(
        database=row,
        replica=replica,
        state=DatabaseState.WAITING,
        changes={"adopting": adopting},
        actor=actor,
        reason=said,
        now=now,
    )


def give_up_restored(
    row: Database, *, began: int, actor: Actor, reason: str, now: datetime
) -> Database:
    """What the restore took the place of leads on, and its standbys follow it again: its hosts are
    told so by this epoch, above `began`, that of the switch. An order to adopt that is still on its
    way is late from here on. In the caller's transaction."""
    _take_back(row, began, actor=actor, reason=reason, now=now)
    marks = {"degraded_reason": BACK} if row.degraded_reason == APART else {}
    return raise_epoch(
        database=row,
        replica=row.primary,
        state=DatabaseState(row.state),
        changes={"state_at": row.state_at, **marks},
        actor=actor,
        reason=reason,
        now=now,
    )


def end_adopting(row: Database, *, actor: Actor, reason: str, now: datetime) -> Database:
    """The restored data serve: the copies of what was there before are given up, and it fails over
    and is restarted as any other."""
    if row.primary is not None:
        _retire(row, row.primary, actor=actor, reason=reason, now=now)
    marks = {"degraded_reason": ALONE} if row.degraded_reason == APART else {}
    changes = {"adopting": None, **marks}
    return transitions.amend(row, changes, action="restored", actor=actor, reason=reason, now=now)


def _end_lease(
    row: Database, seen: tuple[int, int, int] | None, *, actor: Actor, reason: str, now: datetime
) -> None:
    if seen is None and Lease.objects.filter(database=row, revoked=False).exists():
        raise Conflict(f"{row} was given a lease meanwhile.", todo="Look again.")
    revoke_lease(database=row, seen=seen, actor=actor, reason=reason, now=now)


def _end_failover(row: Database, *, actor: Actor, reason: str, now: datetime) -> None:
    """It waits for a candidate that there is no more."""
    running = Failover.objects.select_for_update().filter(database=row, phase__in=UNFINISHED)
    for failover in running:
        advance_failover(failover=failover, to=Phase.ABANDONED, actor=actor, reason=reason, now=now)


def _others(row: Database, led: Replica) -> list[Replica]:
    found = Replica.objects.filter(database=row).exclude(pk=led.pk)
    return list(found.exclude(state=ReplicaState.RETIRED).order_by("number"))


def _retire(row: Database, led: Replica, *, actor: Actor, reason: str, now: datetime) -> None:
    """Every other copy, whatever it was to become: its data stay on its host (I-DB-5)."""
    for other in _others(row, led):
        out = set_role(replica=other, role=Role.OUT, actor=actor, reason=reason, now=now)
        retire_replica(replica=out, actor=actor, reason=reason, now=now)


def _set_apart(row: Database, led: Replica, *, actor: Actor, reason: str, now: datetime) -> None:
    """Every other copy ends its server and keeps its data; nobody is promoted meanwhile."""
    for other in _others(row, led):
        set_role(replica=other, role=Role.OUT, actor=actor, reason=reason, now=now)


def _take_back(row: Database, began: int, *, actor: Actor, reason: str, now: datetime) -> None:
    """Those that the switch set apart; who had been left out before stays so."""
    epoch = Epoch.objects.filter(database=row, number=began).first()
    if row.primary is None or epoch is None:
        return
    for other in _others(row, row.primary):
        if other.role == Role.OUT and other.role_at == epoch.began_at:
            set_role(replica=other, role=Role.STANDBY, actor=actor, reason=reason, now=now)
