"""What a drill would bring about on its own hosts, as people sign it: which program with which
command, which data from which address. A fixed number of statements.

Invariant: the same builders make what a host is told, so that what is compared with the signed
words there is what was signed here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.conf import settings

from recovery.backups.facts import StoreKind
from recovery.backups.models import BackupReplica
from recovery.backups.specs import store_spec
from recovery.core import wire
from recovery.core.wire.backups import RestoreSpec, StoreSpec
from recovery.core.wire.drills import ANY_VOLUME, DrillWish, what_of
from recovery.inventory.models import Application, Database

ENGINES: dict[str, wire.EngineName] = {"postgresql": "postgresql", "valkey": "valkey"}
What = dict[str, Any]


def meant_databases(labels: Mapping[str, str]) -> Mapping[str, What]:
    """Of each database, by its id, restored from the copy of this label ("replica 2")."""
    rows = BackupReplica.objects.filter(database__in=[UUID(key) for key in labels])
    found = {}
    for row in rows.select_related("store", "database"):
        source = row.database
        if source is not None and f"replica {row.number}" == labels[str(source.pk)]:
            found[str(source.pk)] = _meant(source, row)
    return found


def _meant(source: Database, copy: BackupReplica) -> What:
    wish = DrillWish(
        name="",
        target="",
        word=0,
        database=database_of(source, replica="", target=""),
        restore=restore_of("", _store_of(copy)),
    )
    return what_of(wish)


def _store_of(copy: BackupReplica) -> StoreSpec:
    """A snapshot's volume is made for the drill alone: where such volumes appear is signed."""
    if copy.store.kind != StoreKind.SNAPSHOT:
        return store_spec(copy.store)
    mounts = copy.store.credentials.get("mounts", "")
    return StoreSpec(name=copy.store.name, kind="folder", folder=f"{mounts}{ANY_VOLUME}")


def meant_applications(ids: Collection[str]) -> Mapping[str, What]:
    """Of each, by its id."""
    rows = Application.objects.filter(pk__in=[UUID(key) for key in ids])
    return {
        str(row.pk): what_of(
            DrillWish(name="", target="", word=0, container=container_of(row, name="", port=0))
        )
        for row in rows
    }


def database_of(source: Database, *, replica: str, target: str) -> wire.DatabaseSpec:
    """Of the source only what its files are of, and by which name its archive lies there."""
    return wire.DatabaseSpec(
        replica=replica,
        database=target,
        name=source.name,
        engine=ENGINES[source.engine],
        version=source.engine_version,
        role="out",
        epoch=0,
        port=0,
        secret="",
        members=(),
    )


def restore_of(name: str, store: StoreSpec) -> RestoreSpec:
    return RestoreSpec(restore=name, store=store, key=str(settings.TOCSIN_BACKUP_KEY), scratch=True)


def container_of(source: Application, *, name: str, port: int) -> wire.ContainerSpec:
    return wire.ContainerSpec(
        placement=name,
        application=source.name,
        container=name,
        generation=1,
        image=source.image,
        command=tuple(source.command),
        port=port,
        health_path=source.health_path,
        version=source.release,
        limits=wire.Limits(cpu_millis=source.cpu_millis, memory_mib=source.memory_mib),
    )
