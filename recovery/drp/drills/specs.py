"""What a drill host is told: each thing as it is begun there, and what people signed for it.

Invariants: it is told no secret of production, no address and no name but the drill's own; keys and
credentials are named and never sent.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import F

from recovery.backups.facts import StoreKind
from recovery.backups.models import BackupReplica
from recovery.core import wire
from recovery.core.wire.backups import RestoreSpec
from recovery.core.wire.drills import DrillList, DrillWish
from recovery.core.wire.plans import PlanWord, pack_mandate
from recovery.drp.drills.facts import ThingKind
from recovery.drp.drills.meant import container_of, database_of, restore_of
from recovery.drp.drills.models import DrillHost, DrillThing
from recovery.drp.drills.queries import listed_on, stamp_of
from recovery.drp.models import Run
from recovery.drp.queries.approvals import mandate_of, plan_of
from recovery.inventory.models import Application, Database
from recovery.restores.specs import store_of


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
    """Of a step that takes nobody's approval the newest one under the same plan's bytes goes along:
    a host begins nothing of a plan that nobody signed."""
    plan, row = plan_of(run), run.steps.get(name=step)
    if plan.step(step).approval is None and not plan.step(step).wants_passkey:
        signed = [one.id for one in plan.steps if one.wants_passkey]
        used = run.steps.filter(name__in=signed, uses__round=F("round"))
        row = used.order_by("-position").first() or row
    return PlanWord(run=str(run.pk), step=step, mandate=pack_mandate(mandate_of(run, row)))


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
    source = Database.objects.get(pk=row.source)
    return database_of(source, replica=str(row.pk), target=row.target)


def _restore(row: DrillThing) -> RestoreSpec:
    assert row.copy is not None, "a database is restored from somewhere"
    copy = BackupReplica.objects.select_related("store").get(pk=row.copy)
    return restore_of(str(row.pk), store_of(copy, row.pk))


def _container(row: DrillThing) -> wire.ContainerSpec:
    source = Application.objects.get(pk=row.source)
    return container_of(source, name=row.name, port=row.port)


def is_snapshot(copy: BackupReplica) -> bool:
    """Whether a volume of it has to be made before anybody can read it."""
    return copy.store.kind == StoreKind.SNAPSHOT
