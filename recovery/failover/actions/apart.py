"""Copies that came back are set apart until people decided about what they hold, and let go.

Invariants: who is set apart follows nobody and is promoted by nobody; an order to rejoin that was
on its way then is withdrawn; who is let go follows by failover's own rules, and what only it has is
kept before anything is rewound (I-DB-5).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.inventory.facts import ReplicaState
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
    """In the caller's transaction. Those that were members."""
    moved = transitions.move_many(
        Replica,
        list(replicas),
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
    """In the caller's transaction. Those that were set apart."""
    return transitions.move_many(
        Replica,
        list(replicas),
        ReplicaState.MEMBER,
        seen={ReplicaState.QUARANTINED},
        actor=actor,
        reason=reason,
        now=now,
    )
