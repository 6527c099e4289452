"""Databases' rows → what agents are told of them. Bulk: a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import msgspec
from django.db.models import F

from recovery.backups.specs import backup_specs, backup_stamps
from recovery.core import wire
from recovery.core.wire.backups import BackupSpec
from recovery.detection.facts import Part
from recovery.detection.queries import frozen_reason
from recovery.failover.models import Lease
from recovery.failover.queries import fenced_hosts, fenced_until
from recovery.failover.terms import TERMS
from recovery.inventory.facts import DatabaseState, Durability, Profile, ReplicaState, Role
from recovery.inventory.models import Database, Replica
from recovery.operations.models import Operation
from recovery.restores.specs import gave_up, restore_spec

ENGINES: Mapping[str, wire.EngineName] = {"postgresql": "postgresql", "valkey": "valkey"}
ROLES: Mapping[str, wire.ReplicaRole] = {
    Role.PRIMARY: "primary",
    Role.STANDBY: "standby",
    Role.OUT: "out",
}
VERBS: Mapping[str, wire.DatabaseVerb] = {
    "ask": "ask",
    "fence": "fence",
    "promote": "promote",
    "restart": "restart",
    "rejoin": "rejoin",
    "restore": "restore",
    "adopt": "adopt",
    "discard": "discard",
    "keep": "keep",
    "export": "export",
}


def databases_of(hosts: Collection[UUID]) -> dict[UUID, list[wire.DatabaseSpec]]:
    """The servers that belong on each of these hosts, as decided now."""
    here = Replica.objects.filter(host__in=hosts).exclude(state=ReplicaState.RETIRED)
    databases = specs_of({row.database_id for row in here})
    found: dict[UUID, list[wire.DatabaseSpec]] = defaultdict(list)
    for row in here:
        found[row.host_id].append(databases[row.pk])
    return found


def kept_out(spec: wire.DatabaseSpec) -> wire.DatabaseSpec:
    """The same server where nothing may run for clients."""
    return msgspec.structs.replace(spec, role="out", lease=None)


def stamps_of(hosts: Collection[UUID]) -> dict[UUID, tuple[tuple[int | None, ...], ...]]:
    """Changes for a host whenever what it is told of its databases may have: the versions of its
    replicas, of their databases, of the other members, of the leases and of the stores that
    their backups go to; whether retention is frozen, and whether its datacenter is fenced."""
    here = set(Replica.objects.filter(host__in=hosts).values_list("database_id", flat=True))
    backups = backup_stamps(here)
    rows = (
        Replica.objects.filter(database__in=here)
        .order_by("pk")
        .values_list(
            "database_id", "host_id", "version", "database__version", "database__lease__version"
        )
    )
    versions: dict[UUID, list[tuple[int | None, ...]]] = defaultdict(list)
    members: dict[UUID, set[UUID]] = defaultdict(set)
    for database, host, *version in rows:
        versions[database].append(tuple(version))
        members[host].add(database)
    keeps_all, fenced = int(bool(frozen_reason(Part.RETENTION))), fenced_hosts(hosts)
    return {
        host: (
            (keeps_all, int(host in fenced)),
            *(
                stamp
                for key in sorted(members[host])
                for stamp in (*versions[key], backups.get(key, ()))
            ),
        )
        for host in hosts
    }


def specs_of(databases: Collection[UUID]) -> dict[UUID, wire.DatabaseSpec]:
    """For every replica of these databases, what its agent is to make of it."""
    members: dict[UUID, list[Replica]] = defaultdict(list)
    rows = Replica.objects.filter(database__in=databases).exclude(state=ReplicaState.RETIRED)
    for row in rows.select_related("host", "database").order_by("number"):
        members[row.database_id].append(row)
    leased = set(
        Lease.objects.filter(
            database__in=databases, revoked=False, epoch=F("database__epoch")
        ).values_list("database_id", flat=True)
    )
    given_up, fenced = gave_up(databases), fenced_until(databases)
    backups = backup_specs(databases, keeps_all=bool(frozen_reason(Part.RETENTION)))
    return {
        row.pk: _spec(
            row,
            group,
            is_leased=database in leased,
            backup=backups.get(database),
            given_up=given_up.get(database, ()),
            checked_below=fenced.get(row.pk, 0),
        )
        for database, group in members.items()
        for row in group
    }


def _spec(
    row: Replica,
    group: Sequence[Replica],
    *,
    is_leased: bool,
    backup: BackupSpec | None,
    given_up: tuple[str, ...],
    checked_below: int,
) -> wire.DatabaseSpec:
    """Invariant (I-DB-7): somebody is named as promotable exactly while the primary lives by a
    lease of this epoch. Where there is none, nobody is promoted, so nobody has to stop."""
    database = row.database
    return wire.DatabaseSpec(
        replica=str(row.pk),
        database=str(database.pk),
        name=database.name,
        engine=ENGINES[database.engine],
        version=database.engine_version,
        role=_role(row),
        epoch=database.epoch,
        port=row.port,
        secret=database.secret,
        members=tuple(_member(one, is_leased=is_leased) for one in group),
        synchronous=database.durability == Durability.SYNCHRONOUS,
        degraded=_is_degraded(database),
        lease=terms_of(database) if is_leased else None,
        settings=dict(database.settings),
        backup=backup,
        adopts=str(database.adopting or "") if row.pk == database.primary_id else "",
        gave_up=given_up if row.pk == database.primary_id else (),
        checked_below=checked_below,
    )


def _is_degraded(database: Database) -> bool:
    """Also while it is made: its standby is cloned from a primary that must not wait for it."""
    is_made = database.state != DatabaseState.MAKING
    return not is_made or (database.degraded_at is not None and database.restoring_at is None)


def _role(row: Replica) -> wire.ReplicaRole:
    """Who is set apart may not run for clients, whatever it was."""
    return "out" if row.state == ReplicaState.QUARANTINED else ROLES[row.role]


def _member(row: Replica, *, is_leased: bool) -> wire.Member:
    return wire.Member(
        replica=str(row.pk),
        host=row.host_id.hex,
        address=row.host.address,
        port=row.port,
        peer_port=row.host.peer_port,
        role=_role(row),
        may_be_promoted=row.may_be_promoted and is_leased,
    )


def terms_of(database: Database) -> wire.LeaseTerms:
    """The terms of its profile."""
    terms = TERMS[Profile(database.profile)]
    return wire.LeaseTerms(
        every=terms.every, timeout=terms.timeout, length=terms.length, early=terms.early
    )


def order_of(
    op: Operation, spec: wire.DatabaseSpec, epoch: int, plan: wire.PlanWord | None = None
) -> wire.DatabaseOrder:
    """The order as it leaves, at the database epoch that it was decided for: one that has been
    overtaken carries a lower epoch than its agent has seen, and has no effect (B5)."""
    return wire.DatabaseOrder(
        operation=str(op.pk),
        epoch=max(op.epoch, epoch),
        verb=VERBS[op.verb],
        database=msgspec.structs.replace(spec, epoch=op.database_epoch),
        take_over=bool(op.params.get("take_over", False)),
        give_again=tuple(str(one) for one in op.params.get("give_again", ())),
        by=str(op.params.get("by", "")),
        restore=restore_spec(op),
        plan=plan,
        stores=_stores(op),
    )


def _stores(op: Operation) -> tuple[str, ...]:
    """Into which an export goes. Its agent compares them with what people signed."""
    told = op.params.get("plan")
    stores = told.get("stores", ()) if isinstance(told, dict) else ()
    return tuple(str(one) for one in stores)
