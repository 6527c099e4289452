"""Rows of databases, read at one instant with a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from recovery.failover.models import Failover, Lease, Vouch
from recovery.failover.phases import ENDED, FailoverKind, Phase, VouchState
from recovery.failover.queries import fenced_hosts
from recovery.failover.rounds.memory import NOTHING, Number
from recovery.inventory.facts import ReplicaState
from recovery.inventory.models import Database, Replica, ReplicaSight, WriteProbe
from recovery.operations.facts import DATABASE_VERBS, Verb
from recovery.operations.models import Operation

RESTART_MEMORY = timedelta(minutes=10)


@dataclass(slots=True)
class Rows:
    """What was read at one instant, by database. `fenced`: hosts behind a fence."""

    databases: dict[UUID, Database] = field(default_factory=dict)
    replicas: dict[UUID, list[Replica]] = field(default_factory=lambda: defaultdict(list))
    sights: dict[UUID, ReplicaSight] = field(default_factory=dict)
    leases: dict[UUID, Lease] = field(default_factory=dict)
    failovers: dict[UUID, Failover] = field(default_factory=dict)
    orders: dict[UUID, list[Operation]] = field(default_factory=lambda: defaultdict(list))
    vouches: dict[UUID, Vouch] = field(default_factory=dict)
    restarts: dict[UUID, datetime] = field(default_factory=dict)
    probes: dict[UUID, WriteProbe] = field(default_factory=dict)
    fenced: frozenset[UUID] = frozenset()

    def number_of(self, database: UUID, leader: str) -> Number:
        """Of the lease that this one renews."""
        lease = self.leases.get(database)
        if lease is None or str(lease.replica_id) != leader:
            return NOTHING
        return lease.epoch, lease.incarnation, lease.sequence


def granted_by(sight: ReplicaSight | None) -> Number:
    """The newest grant that it had before the look that its word is of."""
    fact = sight.fact if sight else {}
    return fact.get("epoch", 0), fact.get("incarnation", 0), fact.get("granted", 0)


def read_rows(now: datetime, only: Iterable[UUID] | None = None) -> Rows:
    """Everything about these databases, or about all."""
    found = Rows()
    wanted = Database.objects.select_related("datacenter")
    if only is not None:
        wanted = wanted.filter(pk__in=list(only))
    found.databases = {row.pk: row for row in wanted}
    keys = list(found.databases)
    replicas = Replica.objects.filter(database__in=keys).exclude(state=ReplicaState.RETIRED)
    for replica in replicas.select_related("database", "host__datacenter", "host__rack"):
        found.replicas[replica.database_id].append(replica)
    seen = ReplicaSight.objects.filter(replica__database__in=keys)
    found.sights = {sight.replica_id: sight for sight in seen}
    # after the sights: a grant above the number that is read here was given after all of these
    found.leases = {row.database_id: row for row in Lease.objects.filter(database__in=keys)}
    unfinished = Failover.objects.filter(database__in=keys).exclude(phase__in=ENDED)
    found.failovers = {
        row.database_id: row for row in unfinished.select_related("database", "incident")
    }
    found.fenced = fenced_hosts()
    _read_orders(found)
    probes = WriteProbe.objects.filter(database__in=keys)
    found.probes = {probe.database_id: probe for probe in probes}
    given = Vouch.objects.filter(database__in=keys, state=VouchState.GIVEN, expires_at__gt=now)
    found.vouches = {row.database_id: row for row in given.filter(purpose="promote")}
    failed = Failover.objects.filter(
        database__in=keys,
        kind=FailoverKind.RESTART,
        phase=Phase.ABANDONED,
        ended_at__gt=now - RESTART_MEMORY,
    )
    found.restarts = {
        database: ended
        for database, ended in failed.order_by("ended_at").values_list("database_id", "ended_at")
        if ended is not None
    }
    return found


def _read_orders(found: Rows) -> None:
    """What a restore closes where it left is no order of a failover: it is of an earlier epoch, and
    its receipt, of the same replica, proves nothing of where that is now (I-DB-4)."""
    if not found.failovers:
        return
    since = min(row.began_at for row in found.failovers.values())
    rows = Operation.objects.filter(
        replica__database__in=list(found.failovers),
        verb__in=sorted(DATABASE_VERBS),
        requested_at__gte=since,
    ).exclude(verb=Verb.FENCE, params__has_key="restore")
    for op in rows.select_related("replica").order_by("requested_at", "pk"):
        assert op.replica is not None
        if op.requested_at >= found.failovers[op.replica.database_id].began_at:
            found.orders[op.replica.database_id].append(op)
