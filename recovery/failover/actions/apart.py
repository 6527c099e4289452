"""Copies that came back are set apart until people decided about what they hold, and let go.

Invariants: who is set apart follows nobody and is promoted by nobody, and is out, whatever it was;
an order to rejoin that was on its way then is withdrawn; who is let go follows by an order to
rejoin alone, which keeps what only it has before anything is rewound or cloned anew (I-DB-5).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.inventory.facts import ReplicaState, Role
from recovery.inventory.models import Replica
from recovery.operations.actions import withdraw_operations
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation


def returned_copies(databases: Collection[UUID], site: str) -> list[Replica]:
    """Copies of these databases in this datacenter that are led from elsewhere."""
    rows = Replica.objects.filter(database__in=databases, host__datacenter__name=site)
    rows = rows.exclude(state=ReplicaState.RETIRED).select_related("database__primary", "host")
    return [
        row
        for row in rows.order_by("database__name", "number")
        if row.database.primary is not None and row.database.primary_id != row.pk
    ]


def set_apart(
    *, replicas: Collection[UUID], actor: Actor, reason: str, now: datetime
) -> list[Replica]:
    """In the caller's transaction. Those that were members. A standby's data may lie beyond where
    the new primary parted from the old one: it comes back as one that led does."""
    followed = Replica.objects.filter(pk__in=list(replicas), role=Role.STANDBY)
    out = {"role": str(Role.OUT), "role_at": now, "reason": reason}
    changes: dict[UUID, dict[str, object]] = {pk: {} for pk in replicas}
    changes |= {pk: dict(out) for pk in followed.values_list("pk", flat=True)}
    moved = transitions.move_many(
        Replica,
        changes,
        ReplicaState.QUARANTINED,
        seen={ReplicaState.MEMBER},
        actor=actor,
        reason=reason,
        now=now,
    )
    late = Operation.objects.filter(
        replica__in=list(replicas),
        verb=Verb.REJOIN,
        state__in=[OperationState.WAITING, OperationState.INTENDED],
    )
    withdraw_operations(
        operations=list(late.values_list("pk", flat=True)), actor=actor, reason=reason, now=now
    )
    return moved


def let_follow(
    *, replicas: Collection[UUID], actor: Actor, reason: str, now: datetime
) -> list[Replica]:
    """In the caller's transaction. Those that were set apart; failover takes them back."""
    return transitions.move_many(
        Replica,
        list(replicas),
        ReplicaState.MEMBER,
        seen={ReplicaState.QUARANTINED},
        actor=actor,
        reason=reason,
        now=now,
    )
