"""What an agent is told of a restore. Keys and credentials are named and never sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from uuid import UUID

from django.conf import settings

from recovery.backups.facts import StoreKind
from recovery.backups.models import ArchiveSight, BackupReplica, Loan
from recovery.backups.reading import timeline_of
from recovery.backups.specs import store_spec
from recovery.core.wire.backups import RestoreSpec, StoreSpec
from recovery.inventory.models import Epoch, Replica, ReplicaSight
from recovery.operations.models import Operation
from recovery.restores.facts import Phase, Switched
from recovery.restores.in_place import given_up
from recovery.restores.models import Restore


def restore_spec(op: Operation) -> RestoreSpec | None:
    """Of an operation about a restore; None for every other one."""
    name = str(op.params.get("restore") or "")
    if not name:
        return None
    source = op.params.get("source")
    row = BackupReplica.objects.select_related("store").get(pk=UUID(source)) if source else None
    return RestoreSpec(
        restore=name,
        store=store_of(row, UUID(name)) if row else None,
        key=str(settings.TOCSIN_BACKUP_KEY),
        to=int(op.params.get("to", 0)),
        scratch=bool(op.params.get("scratch", False)),
        timeline=_highest_timeline(op.replica) if op.replica else 0,
    )


def gave_up(databases: Collection[UUID]) -> Mapping[UUID, tuple[str, ...]]:
    """Of each database the restores whose data may not serve, the newest first. Asked for after the
    database's own row: then it is never missing in the epoch that gave it up."""
    rows = Restore.objects.filter(database__in=databases, new_epoch__isnull=False)
    switched: dict[UUID, list[Switched]] = defaultdict(list)
    for row in rows.order_by("-number"):
        seen = Switched(
            str(row.pk), Phase(row.phase), row.in_place, row.new_epoch or 0, row.ended_at
        )
        switched[row.database_id].append(seen)
    epochs: dict[UUID, list[tuple[int, str, object]]] = defaultdict(list)
    if switched:
        told = Epoch.objects.filter(database__in=switched).order_by("number")
        for epoch in told:
            leader = str(epoch.replica_id or "")
            epochs[epoch.database_id].append((epoch.number, leader, epoch.began_at))
    return {key: given_up(found, epochs[key]) for key, found in switched.items()}


def _highest_timeline(replica: Replica) -> int:
    """Of its database, by every agent's word and by every archive that was ever read. Only
    PostgreSQL counts them."""
    if replica.database.engine != "postgresql":
        return 0
    database = replica.database_id
    facts = ReplicaSight.objects.filter(replica__database=database)
    told = [int(fact.get("timeline") or 0) for fact in facts.values_list("fact", flat=True)]
    sights = ArchiveSight.objects.filter(replica__database=database)
    read = [timeline_of(tail) for tail in sights.values_list("tail", flat=True)]
    return max([*told, *read], default=0)


def store_of(row: BackupReplica, borrower: UUID) -> StoreSpec:
    """A snapshot is read as the folder in which the volume appears that was made of it."""
    if row.store.kind != StoreKind.SNAPSHOT:
        return store_spec(row.store)
    volume = Loan.objects.filter(borrower=borrower).values_list("volume", flat=True).first()
    folder = Path(row.store.credentials.get("mounts", "")) / (volume or "none")
    return StoreSpec(name=row.store.name, kind="folder", folder=str(folder))
