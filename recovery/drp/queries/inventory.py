"""What there is, as a plan sees it: a fixed number of statements for any number of rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from recovery.brief.facts import DatabaseFact
from recovery.brief.losses import best_standby, lost_since, named_standby
from recovery.brief.queries import lost_sites
from recovery.drp.drills.facts import twin
from recovery.drp.drills.meant import meant_applications, meant_databases
from recovery.drp.plan import Realm
from recovery.drp.planning.inventory import (
    ApplicationSight,
    CopySight,
    DatabaseSight,
    Inventory,
    SiteSight,
)
from recovery.drp.queries.doubts import doubts
from recovery.drp.queries.once import once
from recovery.drp.queries.people import database_now
from recovery.drp.queries.seeing import fleet_once
from recovery.failover.models import Fence
from recovery.inventory.facts import SEATED, DatabaseState
from recovery.inventory.models import Application, Database, Datacenter, Placement


def inventory(realm: Realm = "production") -> Inventory:
    """Everything there is in this realm."""
    return once(("inventory", realm), lambda: _read(realm))


def _read(realm: Realm) -> Inventory:
    """A drill's is production's under other ids, so that the same steps are planned, and nothing
    that is named in them is production's."""
    if realm == "drill":
        return _mirrored(inventory())
    return Inventory("production", _sites(), _databases(), _applications())


def _sites() -> tuple[SiteSight, ...]:
    fence = Fence.objects.filter(datacenter=OuterRef("pk"), state="standing")
    rows = Datacenter.objects.annotate(is_fenced=Exists(fence))
    return tuple(SiteSight(str(row.pk), row.name, row.version, row.is_fenced) for row in rows)


def _mirrored(there: Inventory) -> Inventory:
    labels = {row.id: row.restorable[0] for row in there.databases if row.restorable}
    what = {
        **meant_databases(labels),
        **meant_applications([row.id for row in there.applications]),
    }
    return Inventory(
        "drill",
        tuple(replace(row, id=twin(row.id)) for row in there.sites),
        tuple(replace(row, id=twin(row.id), what=what.get(row.id)) for row in there.databases),
        tuple(replace(row, id=twin(row.id), what=what.get(row.id)) for row in there.applications),
    )


def production_keys() -> frozenset[str]:
    """Of everything that a drill must never touch (I-DR-4)."""
    there = inventory()
    return frozenset(
        [f"datacenter:{row.id}" for row in there.sites]
        + [f"database:{row.id}" for row in there.databases]
        + [f"application:{row.id}" for row in there.applications]
    )


def _databases() -> tuple[DatabaseSight, ...]:
    """What a brief says of the same databases now: the same copies, as far back."""
    fleet = fleet_once(database_now())
    known = {fact.name: fact for site in fleet.sites for fact in fleet.databases(site)}
    lost = set(lost_sites(fleet))
    doubted = doubts(fleet)
    bases = fleet.bases
    return tuple(
        DatabaseSight(
            id=str(row.pk),
            name=row.name,
            home=_home(row),
            plan=row.plan,
            priority=row.priority,
            epoch=row.epoch,
            standbys=frozenset(bases.archived[row.pk].standbys),
            restorable=_restorable(known.get(row.name)),
            restore_loses=_restore_loses(known.get(row.name)) if _home(row) in lost else None,
            is_unreadable=_is_unreadable(known.get(row.name)),
            copies=_copies(known.get(row.name)) if _home(row) in lost else (),
            doubts=doubted.get(row.pk, ()),
        )
        for row in bases.rows.values()
        if row.state != DatabaseState.MAKING
    )


def _home(row: Database) -> str:
    return row.primary.host.datacenter.name if row.primary else row.datacenter.name


def _restorable(fact: DatabaseFact | None) -> tuple[str, datetime] | None:
    """The copy outside its home that a brief names, and a restore would choose."""
    archive = fact.archive if fact else None
    return (f"replica {archive.replica}", archive.at) if archive else None


def _is_unreadable(fact: DatabaseFact | None) -> bool:
    """As of a store that burnt with its datacenter, until somebody reads it again."""
    return bool(fact and fact.archive and fact.archive.error)


def _restore_loses(fact: DatabaseFact | None) -> timedelta | None:
    """Not while what leads lives: then it grows with every look."""
    return lost_since(fact.until, fact.archive.at) if fact and fact.archive else None


def _copies(fact: DatabaseFact | None) -> tuple[CopySight, ...]:
    """Of each datacenter with a standby the one that a brief would name if there were no other. Not
    while what leads lives: then what a standby lacks is another with every word."""
    if fact is None:
        return ()
    found = []
    for site in sorted({one.site for one in fact.standbys}):
        there = [one for one in fact.standbys if one.site == site]
        best = best_standby(there) or there[0]
        lost = lost_since(fact.until, best.at)
        found.append(CopySight(site, named_standby(best), best.at, lost))
    return tuple(found)


def _applications() -> tuple[ApplicationSight, ...]:
    seats: dict[object, set[str]] = {}
    rows = Placement.objects.filter(state__in=sorted(SEATED))
    for application, site in rows.values_list("application", "host__datacenter__name"):
        seats.setdefault(application, set()).add(site)
    return tuple(
        ApplicationSight(
            id=str(row.pk),
            name=row.name,
            seats_in=frozenset(seats.get(row.pk, ())),
            copies=row.copies,
            priority=row.priority,
            epoch=row.version,
        )
        for row in Application.objects.all()
    )
