"""Rows of drills → facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from recovery.backups.facts import LoanState
from recovery.backups.models import Loan
from recovery.core import incarnations
from recovery.drp.drills.decide import unproven
from recovery.drp.drills.facts import HEARD_SECONDS, LISTED, HostSight, Looked, Stamp, ThingState
from recovery.drp.drills.models import DrillHost, DrillSight, DrillThing
from recovery.drp.drills.owed import Left
from recovery.drp.facts import ENDED
from recovery.drp.queries.people import database_now


def host_sights() -> tuple[HostSight, ...]:
    """By the database's clock, which wrote the reports, too."""
    now = database_now()
    listed: dict[UUID, list[DrillThing]] = defaultdict(list)
    for thing in DrillThing.objects.exclude(state=ThingState.GONE):
        listed[thing.host_id].append(thing)
    heard = dict(DrillSight.objects.values_list("host", "heard_at"))
    return tuple(
        HostSight(
            key=str(row.pk),
            name=row.name,
            memory=row.memory_mib,
            quiet=(now - heard[row.pk]).total_seconds() if row.pk in heard else None,
            taken=sum(thing.memory_mib for thing in listed[row.pk]),
            things=len(listed[row.pk]),
            ports=frozenset(thing.port for thing in listed[row.pk]),
        )
        for row in DrillHost.objects.filter(retired_at=None)
    )


def has_hosts() -> bool:
    return DrillHost.objects.exists()


def stamp_of(host: DrillHost) -> Stamp:
    """Of the list that it is to have now."""
    current = incarnations.newest()
    return (max(current.number if current else 0, host.life), host.revision)


def looked_of(host: DrillHost) -> Looked | None:
    """Its newest report; None: there was none."""
    row = DrillSight.objects.filter(host=host).first()
    if row is None:
        return None
    left = {name: tuple(what) for name, what in row.left.items()}
    return Looked((row.incarnation, row.revision), row.heard_at, left, row.trouble)


def listed_on(host: DrillHost) -> QuerySet[DrillThing]:
    """What it is to have."""
    rows = DrillThing.objects.filter(host=host, state__in=sorted(LISTED), is_told=True)
    return rows.select_related("run").order_by("begun_at", "name")


def things_of(run: UUID) -> list[DrillThing]:
    """All that it ever began, in order."""
    return list(DrillThing.objects.filter(run=run).select_related("host"))


def left_behind() -> list[DrillThing]:
    """What nobody wants any more and is listed all the same: of runs that are over, and what did
    not come to stand."""
    listed = DrillThing.objects.filter(state__in=sorted(LISTED)).select_related("host", "run")
    return [row for row in listed if row.run.state in ENDED or row.state == ThingState.FAILED]


def unseen() -> list[tuple[DrillThing, str]]:
    """What was taken out of its list and nobody has seen gone, with the reason."""
    rows = list(DrillThing.objects.filter(state=ThingState.REMOVING).select_related("host", "run"))
    lent = lent_to([row.pk for row in rows])
    seen = {row.host_id: looked_of(row.host) for row in rows}
    return [(row, why_unproven(row, seen[row.host_id], lent)) for row in rows]


def why_unproven(row: DrillThing, looked: Looked | None, lent: Mapping[UUID, str]) -> str:
    """Why nobody knows that it is gone, with all that it borrowed; empty: it is proven."""
    assert row.removed_at is not None, "it is being removed"
    inc, revision = row.removed_in
    if retired := row.host.unproven:
        return retired
    return unproven(row.name, ((inc, revision), row.removed_at), looked) or lent.get(row.pk, "")


def left_of(run: UUID) -> list[Left]:
    """Of a drill that is over, what nobody has seen gone yet."""
    rows = [row for row in things_of(run) if row.state != ThingState.GONE]
    if not rows:
        return []
    why = {row.pk: said for row, said in unseen()}
    heard = {one.key for one in host_sights() if one.is_heard}
    now = database_now()
    return [
        Left(
            host=str(row.host),
            why=why.get(row.pk, ""),
            waited=(now - row.removed_at).total_seconds() if row.removed_at else 0.0,
            is_heard=str(row.host_id) in heard,
            lost=row.host.unproven,
        )
        for row in rows
    ]


def lent_to(things: Collection[UUID]) -> Mapping[UUID, str]:
    """Volumes of snapshots that the provider still has for them, in words."""
    rows = Loan.objects.filter(borrower__in=things).exclude(state=LoanState.GONE)
    return {row.borrower: f"The volume of {row.snapshot} is not given back yet." for row in rows}


def loans_of(things: Collection[UUID]) -> list[Loan]:
    """All that they ever borrowed."""
    return list(Loan.objects.filter(borrower__in=things))


def is_up(row: DrillThing, at: datetime) -> bool:
    """By its host's newest report, which is of a moment ago."""
    sight = DrillSight.objects.filter(host=row.host_id).first()
    if sight is None or (at - sight.heard_at).total_seconds() > HEARD_SECONDS:
        return False
    return bool(sight.facts.get(row.name, {}).get("is_up"))
