"""What is known of databases that are led from a fenced datacenter: so many statements for one of
them as for a thousand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from recovery.failover.models import Failover, Fence, Lease
from recovery.failover.phases import ENDED
from recovery.inventory.facts import ReplicaState
from recovery.inventory.models import Database, Replica, ReplicaSight
from recovery.operations.facts import UNDER_WAY, OperationState, Verb
from recovery.operations.models import Operation


@dataclass(frozen=True, slots=True)
class Known:
    """`running`: each one's failover; `members`: its replicas, by number; `leases`; all three by
    database. `closings`: the newest order to close a gate, by replica and epoch; `sights`: what
    agents saw; `answers`: the newest word of a standby that was told to promise nothing further,
    `asked`: orders to tell it that are under way; by replica."""

    databases: Sequence[Database]
    running: Mapping[UUID, Failover]
    members: Mapping[UUID, Sequence[Replica]]
    leases: Mapping[UUID, Lease]
    closings: Mapping[tuple[UUID, int], Operation]
    sights: Mapping[UUID, ReplicaSight]
    answers: Mapping[UUID, Operation]
    asked: Mapping[UUID, Sequence[Operation]]

    def primary(self, database: Database) -> Replica:
        """Who leads, or led last."""
        running = self.running.get(database.pk)
        primary = database.primary or (running.source if running else None)
        assert primary is not None, "it was found by it"
        return primary


def known_of(fence: Fence) -> Known:
    """Of the databases that are, or were last, led from there."""
    here = fence.datacenter_id
    left = Failover.objects.exclude(phase__in=sorted(ENDED)).select_related("source__host")
    orphans = left.filter(source__host__datacenter=here).values("database")
    led = Q(primary__host__datacenter=here) | Q(primary=None, pk__in=orphans)
    databases = list(Database.objects.filter(led).select_related("primary__host").order_by("name"))
    keys = [row.pk for row in databases]
    members: dict[UUID, list[Replica]] = {}
    there = Replica.objects.filter(database__in=keys).exclude(state=ReplicaState.RETIRED)
    for replica in there.select_related("host__datacenter", "database").order_by("number"):
        members.setdefault(replica.database_id, []).append(replica)
    replicas = [one.pk for several in members.values() for one in several]
    return Known(
        databases=databases,
        running={row.database_id: row for row in left.filter(database__in=keys)},
        members=members,
        leases={row.database_id: row for row in Lease.objects.filter(database__in=keys)},
        closings=_closings(keys),
        sights={row.replica_id: row for row in ReplicaSight.objects.filter(replica__in=replicas)},
        answers=_answers(replicas, fence.key),
        asked=_asked(replicas, fence.key),
    )


def _closings(databases: Sequence[UUID]) -> Mapping[tuple[UUID, int], Operation]:
    rows = Operation.objects.filter(replica__database__in=databases, verb=Verb.FENCE)
    newest = rows.order_by("replica_id", "database_epoch", "-requested_at", "-pk")
    found = newest.distinct("replica_id", "database_epoch")
    return {(op.replica_id, op.database_epoch): op for op in found if op.replica_id}


def _answers(replicas: Sequence[UUID], key: str) -> Mapping[UUID, Operation]:
    rows = Operation.objects.filter(replica__in=replicas, verb=Verb.ASK, params__by=key)
    done = rows.filter(state=OperationState.DONE)
    newest = done.order_by("replica_id", "-requested_at", "-pk").distinct("replica_id")
    return {op.replica_id: op for op in newest if op.replica_id}


def _asked(replicas: Sequence[UUID], key: str) -> Mapping[UUID, Sequence[Operation]]:
    rows = Operation.objects.filter(replica__in=replicas, verb=Verb.ASK, params__by=key)
    found: dict[UUID, list[Operation]] = {}
    for op in rows.filter(state__in=sorted(UNDER_WAY)):
        if op.replica_id:
            found.setdefault(op.replica_id, []).append(op)
    return found
