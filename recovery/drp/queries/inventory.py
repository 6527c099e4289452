"""What there is, as a plan sees it: a fixed number of statements for any number of rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from recovery.backups.facts import Database as Archived
from recovery.backups.queries import database_facts
from recovery.drp.plan import Realm
from recovery.drp.resolve import ApplicationSight, DatabaseSight, Inventory, SiteSight
from recovery.inventory.facts import SEATED, DatabaseState, ReplicaState, Role
from recovery.inventory.models import Application, Database, Datacenter, Placement, Replica

_SEEN: ContextVar[dict[Realm, Inventory] | None] = ContextVar("drp inventory", default=None)
"""What a round has read, while it lasts."""


@contextmanager
def one_look(*, anew: bool = False) -> Iterator[None]:
    """The inventory is read once inside; with `anew` apart from what was read outside, for what is
    about to begin."""
    token = _SEEN.set({} if anew or _SEEN.get() is None else _SEEN.get())
    try:
        yield
    finally:
        _SEEN.reset(token)


def inventory(realm: Realm = "production") -> Inventory:
    """Everything there is in this realm."""
    seen = _SEEN.get()
    if seen is None:
        return _read(realm)
    if realm not in seen:
        seen[realm] = _read(realm)
    return seen[realm]


def _read(realm: Realm) -> Inventory:
    """Of drills: nothing, until there are targets for them."""
    if realm == "drill":
        return Inventory("drill", (), (), ())
    sites = tuple(SiteSight(str(row.pk), row.name, row.version) for row in Datacenter.objects.all())
    return Inventory("production", sites, _databases(), _applications())


def production_keys() -> frozenset[str]:
    """Of everything that a drill must never touch (I-DR-4)."""
    there = inventory()
    return frozenset(
        [f"datacenter:{row.id}" for row in there.sites]
        + [f"database:{row.id}" for row in there.databases]
        + [f"application:{row.id}" for row in there.applications]
    )


def _databases() -> tuple[DatabaseSight, ...]:
    standbys: dict[object, set[str]] = {}
    members = Replica.objects.filter(role=Role.STANDBY, state=ReplicaState.MEMBER)
    for database, site in members.values_list("database", "host__datacenter__name"):
        standbys.setdefault(database, set()).add(site)
    points = _restorable()
    rows = Database.objects.exclude(state=DatabaseState.MAKING).select_related(
        "datacenter", "primary__host__datacenter"
    )
    return tuple(
        DatabaseSight(
            id=str(row.pk),
            name=row.name,
            home=row.primary.host.datacenter.name if row.primary else row.datacenter.name,
            plan=row.plan,
            priority=row.priority,
            epoch=row.epoch,
            standbys=frozenset(standbys.get(row.pk, ())),
            restorable=points.get(row.name),
        )
        for row in rows
    )


def _restorable() -> dict[str, tuple[str, datetime]]:
    found = {facts.name: furthest(facts) for facts in database_facts()}
    return {name: copy for name, copy in found.items() if copy is not None}


def furthest(facts: Archived) -> tuple[str, datetime] | None:
    """The copy outside its home that goes furthest; of two that go equally far the first, as in
    the brief: people compare the two pages."""
    moments = [
        (copy.point.at, -copy.number)
        for copy in facts.copies
        if copy.point is not None and copy.place is not None and copy.place.name != facts.primary
    ]
    if not moments:
        return None
    at, number = max(moments)
    return f"replica {-number}", at


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
