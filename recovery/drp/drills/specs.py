"""What a drill host is told: each thing as it is begun there, and what people signed for it.

Invariants: it is told no secret of production, no address and no name but the drill's own; keys and
credentials are named and never sent.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings

from recovery.backups.facts import StoreKind
from recovery.backups.models import BackupReplica
from recovery.core import wire
from recovery.core.wire.backups import RestoreSpec
from recovery.core.wire.drills import DrillList, DrillWish
from recovery.core.wire.plans import PlanWord, pack_mandate
from recovery.drp.drills.facts import ThingKind
from recovery.drp.drills.models import DrillHost, DrillThing
from recovery.drp.drills.queries import listed_on, stamp_of
from recovery.drp.models import Run
from recovery.drp.queries.approvals import mandate_of
from recovery.inventory.models import Application, Database
from recovery.restores.specs import store_of

ENGINES: dict[str, wire.EngineName] = {"postgresql": "postgresql", "valkey": "valkey"}


def list_of(host: DrillHost) -> DrillList:
    """All that is to stand there now. Read in one transaction with its stamp."""
    incarnation, revision = stamp_of(host)
    words: dict[tuple[UUID, str], int] = {}
    packed: list[PlanWord] = []
    wishes = []
    for row in listed_on(host):
        at = words.setdefault((row.run_id, row.step), len(packed))
        if at == len(packed):
            packed.append(_word(row.run, row.step))
        wishes.append(_wish(row, at))
    return DrillList(
        incarnation=incarnation, revision=revision, wishes=tuple(wishes), words=tuple(packed)
    )


def _word(run: Run, step: str) -> PlanWord:
    mandate = mandate_of(run, run.steps.get(name=step))
    return PlanWord(run=str(run.pk), step=step, mandate=pack_mandate(mandate))


def _wish(row: DrillThing, word: int) -> DrillWish:
    if row.kind == ThingKind.DATABASE:
        return DrillWish(
            name=row.name,
            target=row.target,
            word=word,
            database=_database(row),
            restore=_restore(row),
        )
    return DrillWish(name=row.name, target=row.target, word=word, container=_container(row))


def _database(row: DrillThing) -> wire.DatabaseSpec:
    """Of the source only what its files are of, and by which name its archive lies there."""
    source = Database.objects.get(pk=row.source)
    return wire.DatabaseSpec(
        replica=str(row.pk),
        database=row.target,
        name=source.name,
        engine=ENGINES[source.engine],
        version=source.engine_version,
        role="out",
        epoch=0,
        port=0,
        secret="",
        members=(),
    )


def _restore(row: DrillThing) -> RestoreSpec:
    assert row.copy is not None, "a database is restored from somewhere"
    copy = BackupReplica.objects.select_related("store").get(pk=row.copy)
    return RestoreSpec(
        restore=str(row.pk),
        store=store_of(copy, row.pk),
        key=str(settings.TOCSIN_BACKUP_KEY),
        scratch=True,
    )


def _container(row: DrillThing) -> wire.ContainerSpec:
    source = Application.objects.get(pk=row.source)
    return wire.ContainerSpec(
        placement=row.name,
        application=source.name,
        container=row.name,
        generation=1,
        image=source.image,
        command=tuple(source.command),
        port=row.port,
        health_path=source.health_path,
        version=source.release,
        limits=wire.Limits(cpu_millis=source.cpu_millis, memory_mib=source.memory_mib),
    )


def is_snapshot(copy: BackupReplica) -> bool:
    """Whether a volume of it has to be made before anybody can read it."""
    return copy.store.kind == StoreKind.SNAPSHOT
