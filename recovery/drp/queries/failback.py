"""What a run moved, by its journal, and where that is now: a fixed number of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from recovery.backups.decide import UNREAD_AFTER
from recovery.backups.facts import StoreKind
from recovery.backups.models import ArchiveSight, BackupReplica, JobSight
from recovery.core.errors import Missing, Refused
from recovery.drp.facts import ENDED, Mode
from recovery.drp.failback import Back, Held, How, Present, Seat, Trace, Way, places_now, way_back
from recovery.drp.journal import Effect, EffectKind
from recovery.drp.models import Act, Run
from recovery.drp.planning.storing import StoreSight
from recovery.drp.queries.people import database_now
from recovery.failover.models import Failover
from recovery.failover.queries import fenced_hosts
from recovery.inventory.facts import SEATED, ReplicaState, Role, Verdict
from recovery.inventory.models import (
    Application,
    Container,
    Database,
    Epoch,
    Placement,
    Replica,
    ReplicaSight,
)
from recovery.restores.facts import Phase as RestorePhase
from recovery.restores.models import Restore
from recovery.restores.telling import left_by
from recovery.scheduling.facts import ACTIVE

HEARD = frozenset({Verdict.ALIVE, Verdict.SUSPECT})
REAL = (Mode.PLANNED, Mode.DISASTER)
TAKES_WITHIN = timedelta(minutes=5)
"""Who fills it says every few seconds that nothing is missing in it, while nothing is."""


def returnable_runs() -> list[Run]:
    """Those that are over and may have moved something, the newest first."""
    rows = Run.objects.filter(state__in=sorted(ENDED), mode__in=REAL, started_at__isnull=False)
    return list(rows.defer("plan").order_by("-number"))


def back_of(
    number: int,
    *,
    out_of: str,
    into: str,
    keep: frozenset[str] | None = None,
    export: frozenset[str] = frozenset(),
) -> Back:
    """What the run of this number moved, and goes back now. `Refused` where it is none to take
    back."""
    run = Run.objects.filter(number=number).defer("plan").first()
    if run is None:
        raise Missing(f"There is no DRP-{number:04d}.", field="origin")
    if run.mode not in REAL or run.state not in ENDED:
        raise Refused(
            f"{run}, a {run.mode}, is {run.state}: only what a planned run or a disaster's moved,"
            " and is over, is taken back.",
            field="origin",
        )
    found = traces(run)
    return way_back(Way(run.number, str(run), out_of, into, keep, export), found, _present(found))


def ways_back(run: Run) -> list[tuple[str, Back]]:
    """Out of which datacenters something of it goes back into the one that it left, and what."""
    found = traces(run)
    there = _present(found)
    ways = [
        (site, way_back(Way(run.number, str(run), site, run.lost), found, there))
        for site in places_now(found, there, but=run.lost)
    ]
    return [(site, back) for site, back in ways if back.moves]


# ---------------------------------------------------------------------- what it moved


def traces(run: Run) -> list[Trace]:
    """In the order in which it moved them."""
    return [*_promoted(run), *_restored(run), *_placed(run)]


def _promoted(run: Run) -> Iterator[Trace]:
    rows = Failover.objects.filter(act__startswith=f"{run.pk}/", promoted_at__isnull=False)
    for row in rows.select_related("database", "source__host__datacenter").order_by("number"):
        host = row.host  # where its old primary was: that one may have been moved since
        site = host.datacenter.name
        yield Trace(
            How.PROMOTED, str(row.database_id), row.database.name, site, host.name,
            epoch=row.new_epoch or 0, until=row.happened_at,
        )  # fmt: skip


def _effects(run: Run, kind: EffectKind) -> list[UUID]:
    keys = Act.objects.filter(step__run=run).values("key")
    return list(Effect.objects.filter(key__in=keys, kind=kind).values_list("object", flat=True))


def _restored(run: Run) -> Iterator[Trace]:
    """Its old host is known by name; a run restores what its lost datacenter led."""
    rows = Restore.objects.filter(pk__in=_effects(run, EffectKind.RESTORE), phase=RestorePhase.DONE)
    found = list(rows.select_related("database").order_by("number"))
    left = left_by([row.pk for row in found])
    for row in found:
        yield Trace(
            How.RESTORED, str(row.database_id), row.database.name, run.lost, row.old_host,
            epoch=row.new_epoch or 0, left=" ".join(one.said for one in left.get(row.pk, ())),
        )  # fmt: skip


def _placed(run: Run) -> Iterator[Trace]:
    """Before each seat that it asked for, the container had another one, in an older generation."""
    seats = Placement.objects.filter(pk__in=_effects(run, EffectKind.SEAT))
    begun = list(seats.select_related("container__application").order_by("generation", "pk"))
    older: dict[UUID, list[Placement]] = defaultdict(list)
    rows = Placement.objects.filter(container__in={seat.container_id for seat in begun})
    for row in rows.select_related("host__datacenter").order_by("generation", "pk"):
        older[row.container_id].append(row)
    first: dict[UUID, Placement] = {}
    for seat in begun:
        earlier = [row for row in older[seat.container_id] if row.generation < seat.generation]
        was = first.setdefault(seat.container_id, earlier[-1]) if earlier else None
        app = seat.container.application
        yield Trace(
            How.PLACED,
            str(app.pk),
            app.name,
            was.host.datacenter.name if was else run.lost,
            was.host.name if was else "",
            copy=seat.container.ordinal,
            epoch=seat.generation,
        )


# ---------------------------------------------------------------------- where it is now


def _present(found: list[Trace]) -> Present:
    placed = {UUID(one.id) for one in found if one.how is How.PLACED}
    led = {UUID(one.id) for one in found if one.how is not How.PLACED}
    databases = list(
        Database.objects.filter(pk__in=led).select_related(
            "datacenter", "primary__host__datacenter"
        )
    )
    apps = list(Application.objects.filter(pk__in=placed))
    return Present(
        databases=_databases(databases),
        copies=_copies([app.pk for app in apps]),
        versions={str(row.pk): row.epoch for row in databases}
        | {str(row.pk): row.version for row in apps},
        stores=stores_of([row.pk for row in databases]),
    )


def _databases(rows: list[Database]) -> Mapping[str, Seat]:
    copies = _held(rows)
    return {
        str(row.pk): Seat(
            row.primary.host.datacenter.name if row.primary else row.datacenter.name,
            row.primary.host.name if row.primary else "",
            row.epoch,
            copies[row.pk],
        )
        for row in rows
    }


def _held(rows: list[Database]) -> Mapping[UUID, dict[str, tuple[Held, ...]]]:
    """Of each copy that does not lead, by datacenter, what its agent told of what only it has."""
    found: dict[UUID, dict[str, tuple[Held, ...]]] = defaultdict(dict)
    there = Replica.objects.filter(database__in=rows).exclude(state=ReplicaState.RETIRED)
    leading = {row.primary_id for row in rows}
    fenced = fenced_hosts()
    led = set(Epoch.objects.filter(database__in=rows).values_list("replica", flat=True))
    facts = dict(ReplicaSight.objects.filter(replica__in=there).values_list("replica", "fact"))
    wanted = there.select_related("database", "host__datacenter").order_by("number")
    for one in wanted:
        if one.pk not in leading:
            site = one.host.datacenter.name
            told = _of_copy(one, facts.get(one.pk) or {}, has_led=one.pk in led)
            is_free = one.state == ReplicaState.MEMBER and one.host_id not in fenced
            told = replace(told, follows=one.role == Role.STANDBY and is_free)
            found[one.database_id][site] = (*found[one.database_id].get(site, ()), told)
    return found


def _of_copy(one: Replica, fact: Mapping[str, object], *, has_led: bool) -> Held:
    is_out, why = one.role == Role.OUT, ""
    is_compared = bool(fact.get("is_measured") or fact.get("alone"))
    if one.host.verdict not in HEARD:
        why = f"its host is {one.host.verdict}"
    elif is_out and not is_compared:
        why = str(fact.get("detail") or "its agent has not looked at it yet")
    alone = str(fact.get("alone", ""))
    return Held(str(one), one.host.name, alone, why, is_out and has_led, is_compared)


def _copies(applications: list[UUID]) -> Mapping[str, Mapping[int, Seat | None]]:
    """Of each wanted copy its newest seat that is meant to serve."""
    rows = Placement.objects.filter(application__in=applications, state__in=sorted(SEATED))
    seats: dict[UUID, Seat] = {}
    for row in rows.select_related("host__datacenter").order_by("generation", "pk"):
        if row.state in ACTIVE:
            seats[row.container_id] = Seat(row.host.datacenter.name, row.host.name, row.generation)
    found: dict[str, dict[int, Seat | None]] = {str(pk): {} for pk in applications}
    slots = Container.objects.filter(application__in=applications, wanted=True)
    for pk, application, ordinal in slots.values_list("pk", "application", "ordinal"):
        found[str(application)][ordinal] = seats.get(pk)
    return found


# ---------------------------------------------------------------------- its stores


def stores_of(databases: Collection[UUID]) -> Mapping[str, tuple[StoreSight, ...]]:
    """By database, those that agents fill, by the number of its replica."""
    rows = BackupReplica.objects.filter(database__in=databases).exclude(
        store__kind=StoreKind.SNAPSHOT
    )
    now = database_now()
    found: dict[str, list[StoreSight]] = defaultdict(list)
    for row in rows.select_related("store__place", "sight", "job").order_by("number"):
        found[str(row.database_id)].append(_store(row, now))
    return {database: tuple(each) for database, each in found.items()}


def _store(row: BackupReplica, now: datetime) -> StoreSight:
    sight: ArchiveSight | None = getattr(row, "sight", None)
    job: JobSight | None = getattr(row, "job", None)
    read_at = sight.read_at if sight and not sight.error else None
    return StoreSight(
        name=row.store.name,
        site=row.store.place.name if row.store.place else "",
        is_heard=read_at is not None and now - read_at <= UNREAD_AFTER,
        takes=job is not None and now - job.ok_at <= TAKES_WITHIN,
    )
