"""What agents are told of backups: where a database's archive goes. Bulk: one query each.

Keys and credentials are named here and never sent: hosts have files of them. A provider's snapshot
(replica 3) is the provider's to take, so no agent is told of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

from django.conf import settings

from recovery.backups.facts import StoreKind
from recovery.backups.models import BackupReplica, Store
from recovery.core.wire.backups import BackupSpec, StoreSpec


def backup_specs(databases: Collection[UUID], *, keeps_all: bool = False) -> dict[UUID, BackupSpec]:
    """Of those that have a replica which agents fill. `keeps_all`: retention is frozen."""
    stores: dict[UUID | None, list[StoreSpec]] = defaultdict(list)
    rows = BackupReplica.objects.filter(database__in=databases).exclude(
        store__kind=StoreKind.SNAPSHOT
    )
    for row in rows.select_related("store").order_by("number"):
        stores[row.database_id].append(store_spec(row.store))
    key = str(settings.TOCSIN_BACKUP_KEY)
    told = {
        database: BackupSpec(key=key, stores=tuple(each), keeps_all=keeps_all)
        for database, each in stores.items()
    }
    return {database: spec for database, spec in told.items() if database is not None}


def backup_stamps(databases: Collection[UUID]) -> dict[UUID, tuple[int, ...]]:
    """Changes for a database whenever what agents are told of its backups does."""
    found: dict[UUID | None, list[int]] = defaultdict(list)
    rows = BackupReplica.objects.filter(database__in=databases).select_related("store")
    for row in rows.order_by("number"):
        found[row.database_id] += [row.number, row.store_id.int, row.store.version]
    return {database: tuple(stamp) for database, stamp in found.items() if database is not None}


def store_spec(row: Store) -> StoreSpec:
    """Its name is also that of its credentials in the hosts' files."""
    if row.kind == StoreKind.DIRECTORY:
        return StoreSpec(name=row.name, kind="folder", folder=row.address)
    return StoreSpec(
        name=row.name,
        kind="bucket",
        endpoint=row.address,
        bucket=row.bucket,
        region=row.credentials.get("region", "us-east-1"),
        credentials=row.name,
    )
