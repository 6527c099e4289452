"""A datacenter is fenced, and the fence is lifted.

Invariants: from the commit of its row on, no lease of a host there is renewed (`leases.RENEW` looks
at it), no host there is trusted, and no agent there is given anything to start; what is proven is
written with what it rests on. Only a person lifts it, and one commit undoes all that it ordered:
gates that were closed, or that an order still under way may close, open at a higher epoch, and
standbys that were told to promise nothing promise again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from recovery.alarms import actions as alarms
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Refused, WrongState
from recovery.failover.actions.epochs import raise_epoch
from recovery.failover.actions.orders import Giving, give_promises_again, order
from recovery.failover.models import Fence
from recovery.inventory.facts import DatabaseState
from recovery.inventory.models import Database, Datacenter, Host, Replica
from recovery.operations.actions import withdraw_operations
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation

STANDING = "standing"
BY_RECEIPT = "gate-closed"


@dataclass(frozen=True, slots=True)
class Cause:
    """Whose it is: the act's key, its run (id and name) and step, and who asked for the run."""

    key: str
    run: UUID
    run_name: str
    step: str
    by: str


def raise_fence(
    *, datacenter: UUID, cause: Cause, actor: Actor, reason: str, now: datetime
) -> Fence:
    """In the caller's transaction, under the leader's epoch; the same act finds its own row."""
    there = Fence.objects.filter(key=cause.key).first()
    if there is not None:
        return there
    site = Datacenter.objects.get(pk=datacenter)
    row = Fence(
        datacenter=site,
        key=cause.key,
        run=cause.run,
        run_name=cause.run_name,
        step=cause.step,
        by=cause.by,
        reason=reason,
        fenced_at=now,
    )
    row = transitions.create([row], actor=actor, reason=reason, now=now)[0]
    said = f"{site} is fenced by {cause.run_name}."
    hosts = Host.objects.filter(datacenter=site, quarantined_at=None).values_list("pk", flat=True)
    transitions.amend_many(
        Host,
        {pk: {"quarantined_at": now, "quarantine_reason": said} for pk in hosts},
        action="fenced",
        actor=actor,
        reason=said,
        now=now,
        only={"quarantined_at__isnull": True},
    )
    alarms.raise_alarm(
        key=_alarm(site),
        severity=Severity.NOTICE,
        title=f"{site} is fenced by {cause.run_name}",
        body=f"Nothing starts there, and no lease there is renewed. {reason}",
        incident=None,
        actor=actor,
        reason=reason,
        now=now,
    )
    return row


def note_proofs(
    *,
    fence: Fence,
    proofs: Sequence[Mapping[str, object]],
    told: str,
    is_over: bool,
    actor: Actor,
    now: datetime,
) -> Fence:
    """What is proven by now, and what is not. In the caller's transaction."""
    changes: dict[str, object] = {"proofs": [dict(one) for one in proofs], "told": told}
    if is_over and fence.proven_at is None:
        changes["proven_at"] = now
    if all(getattr(fence, name) == value for name, value in changes.items()):
        return fence
    return transitions.amend(fence, changes, action="proven", actor=actor, reason=told, now=now)


def lift_fence(*, datacenter: str, actor: Actor, reason: str, now: datetime) -> list[Fence]:
    """Hosts there are met again and leases renewed. A primary whose agent closed its gate for us
    leads again at a higher epoch; what was promoted elsewhere stays there."""
    if not reason.strip():
        raise Refused("Say why: it is kept with the fence.", field="reason")
    with transaction.atomic():
        rows = list(
            Fence.objects.select_for_update(of=("self",))
            .select_related("datacenter")
            .filter(datacenter__name=datacenter, state=STANDING)
        )
        if not rows:
            raise WrongState(f"{datacenter} is not fenced.", kept="Nothing was changed.")
        changes = {"lifted_at": now, "lifted_by": actor.id, "lift_reason": reason}
        keys = {row.pk: changes for row in rows}
        transitions.move_many(Fence, keys, "lifted", actor=actor, reason=reason, now=now)
        for key in sorted(row.key for row in rows):
            for op in _closings(key):
                _lead_again(op, actor=actor, reason=reason, now=now)
            give_promises_again(by=key, actor=actor, reason=reason, now=now)
        alarms.end_alarms(keys=[_alarm(rows[0].datacenter)], actor=actor, reason=reason, now=now)
        return list(Fence.objects.filter(pk__in=keys))


def standing_fence(fence: UUID) -> bool:
    """Whether it stands still; nobody lifts it before the caller's transaction is over."""
    rows = Fence.objects.select_for_update(no_key=True).filter(pk=fence, state=STANDING)
    return rows.exists()


def close_gate(
    *,
    replica: Replica,
    epoch: int,
    plan: Mapping[str, str],
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    """Its agent signs for it. In the caller's transaction, which holds the fence's row."""
    order(
        verb=Verb.FENCE,
        replica=replica,
        epoch=epoch,
        urgency=replica.database.priority,
        plan=plan,
        actor=actor,
        reason=reason,
        now=now,
    )


def tell_standby(
    *, replica: UUID, epoch: int, by: str, actor: Actor, reason: str, now: datetime
) -> None:
    """It promises nothing further to whoever led in this epoch, until the fence is lifted (B6). In
    the caller's transaction, which holds the fence's row."""
    row = Replica.objects.select_related("database").get(pk=replica)
    order(
        verb=Verb.ASK,
        replica=row,
        epoch=epoch + 1,
        urgency=row.database.priority,
        giving=Giving(is_taken=True, takes=by),
        actor=actor,
        reason=reason,
        now=now,
    )


def _closings(key: str) -> list[Operation]:
    """Orders of this act to close a gate, whatever became of them: one that is under way, or whose
    outcome nobody knows, may close it yet."""
    rows = Operation.objects.filter(verb=Verb.FENCE, params__plan__act=key)
    rows = rows.exclude(state=OperationState.WITHDRAWN)
    return list(rows.select_related("replica").order_by("requested_at", "pk"))


def _lead_again(op: Operation, *, actor: Actor, reason: str, now: datetime) -> None:
    """Its gate stays closed below a higher epoch, and an order that comes later is late; nobody
    else leads. Where it leads no more, a failover decided that; what was never handed out closed
    nothing."""
    if withdraw_operations(operations=[op.pk], actor=actor, reason=reason, now=now):
        return
    assert op.replica is not None, "a gate is a replica's"
    row = Database.objects.select_for_update().get(pk=op.replica.database_id)
    if (row.primary_id, row.epoch) != (op.replica_id, op.database_epoch):
        return
    raise_epoch(
        database=row,
        replica=row.primary,
        state=DatabaseState(row.state),
        changes={"routed_epoch": row.epoch + 1, "routed_at": now},
        actor=actor,
        reason=reason,
        now=now,
    )


def _alarm(site: Datacenter) -> str:
    return f"fenced:{site.pk}"
